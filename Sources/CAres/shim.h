// The DNS resolver library that answers RFC 3263 look-ups.
#ifndef MUSTER_CARES_SHIM_H
#define MUSTER_CARES_SHIM_H
#include <ares.h>
#include <ares_dns.h>
#include <ares_nameser.h>
#endif
