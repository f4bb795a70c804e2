#include <stdlib.h>
#include <hiredis/read.h>
