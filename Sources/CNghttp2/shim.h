#include <malloc.h> // malloc_usable_size, which Glibc leaves out
#include <nghttp2/nghttp2.h>
