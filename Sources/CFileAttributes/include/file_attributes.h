// The C library's calls for the extended attributes of files, which Swift's module of it leaves out.
#pragma once
#include <sys/types.h>
#include <sys/xattr.h>
