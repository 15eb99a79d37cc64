// Archives from the net, by libarchive. They are not trusted.
#ifndef SILMA_CLI_UNPACK_H
#define SILMA_CLI_UNPACK_H

#include <silma/silma.h>

// Unpacks a .tar.gz or a .gz into `folder`. The files of a tar lose their folders: only their last names count.
// SILMA_BAD_FILE for damage and for anything but plain files and folders, absolute names, "..", and two files of one
// name.
silma_status unpack_file(const char *archive, const char *folder, silma_error *error);

#endif
