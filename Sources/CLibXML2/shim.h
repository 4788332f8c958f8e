// The parts of libxml2 that XMLTree calls.
#ifndef MUSTER_CLIBXML2_SHIM_H
#define MUSTER_CLIBXML2_SHIM_H
#include <libxml/xmlversion.h>
// The headers would bring in those of the system's ICU. Foundation has an ICU of its own, and no module may see both.
// Only the converters between encodings depend on it, which are never touched here.
#undef LIBXML_ICU_ENABLED
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/tree.h>
#include <libxml/xmlerror.h>
#include <libxml/xmlschemas.h>
#endif
