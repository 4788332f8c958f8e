// The face of OpenSSL 3 that Swift sees: its headers, and the macros that the importer cannot read as functions.
#ifndef MUSTER_COPENSSL_SHIM_H
#define MUSTER_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Slots in which an SSL object keeps a pointer of its owner.
static inline int muster_ssl_ex_index(void) { return SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL); }

// Protocol versions, modes and lists of a context.
static inline int muster_ctx_min_version(SSL_CTX *c, int v) { return (int)SSL_CTX_set_min_proto_version(c, v); }
static inline int muster_ctx_max_version(SSL_CTX *c, int v) { return (int)SSL_CTX_set_max_proto_version(c, v); }
static inline int muster_ctx_groups(SSL_CTX *c, const char *list) { return (int)SSL_CTX_set1_groups_list(c, list); }
static inline void muster_ctx_dh_auto(SSL_CTX *c) { SSL_CTX_set_dh_auto(c, 1); }
static inline void muster_ctx_no_session_cache(SSL_CTX *c) { SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF); }

// Partial writes and a moving buffer fit the handler's slices; released buffers save 32 kB an idle connection.
static inline void muster_ctx_default_mode(SSL_CTX *c) {
  SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
}

// No compression (CRIME), no renegotiation, no tickets (each session is authenticated anew), the server's order.
static inline void muster_ctx_default_options(SSL_CTX *c) {
  SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(c, 0);
}

static inline int muster_ssl_server_name(SSL *s, const char *name) { return (int)SSL_set_tlsext_host_name(s, name); }
static inline long muster_pending_bytes(BIO *b) { return (long)BIO_ctrl_pending(b); }

// A memory BIO that asks for more when it is empty instead of reporting the end of the file.
static inline BIO *muster_memory_bio(void) {
  BIO *b = BIO_new(BIO_s_mem());
  if (b) { BIO_set_mem_eof_return(b, -1); }
  return b;
}

// The SSL object that a certificate store context is verifying for.
static inline SSL *muster_store_ctx_ssl(X509_STORE_CTX *s) {
  return (SSL *)X509_STORE_CTX_get_ex_data(s, SSL_get_ex_data_X509_STORE_CTX_idx());
}

// Calls `each` with type (GEN_DNS, GEN_URI, GEN_IPADD, GEN_EMAIL) and bytes of each subject alternative name. Gives their number.
static inline int muster_subject_alternative_names(
    X509 *x, void *argument, void (*each)(void *argument, int type, const unsigned char *bytes, int count)) {
  GENERAL_NAMES *names = (GENERAL_NAMES *)X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
  if (!names) { return 0; }
  int n = sk_GENERAL_NAME_num(names);
  for (int i = 0; i < n; i++) {
    GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
    int type = 0;
    ASN1_STRING *value = (ASN1_STRING *)GENERAL_NAME_get0_value(name, &type);
    if (type == GEN_DNS || type == GEN_URI || type == GEN_IPADD || type == GEN_EMAIL) {
      each(argument, type, ASN1_STRING_get0_data(value), ASN1_STRING_length(value));
    }
  }
  GENERAL_NAMES_free(names);
  return n;
}

// A fresh key on the curve P-256 (EVP_EC_gen is a macro over a variadic function).
static inline EVP_PKEY *muster_new_p256_key(void) { return EVP_EC_gen("P-256"); }

// Adds one extension given in the text form of x509v3_config(5). Gives 1 on success.
static inline int muster_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  if (!extension) { return 0; }
  int ok = X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  return ok;
}

#endif
