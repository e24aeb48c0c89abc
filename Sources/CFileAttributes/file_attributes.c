// Nothing of its own: a C target needs a source file.
#include "file_attributes.h"
