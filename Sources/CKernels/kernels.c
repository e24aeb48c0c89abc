#include "CKernels.h"
int ctk_placeholder(void){return 0;}
