// libsilma-codecs: the parts of Silma that need other libraries, handed to the core through silma_codecs.
#ifndef SILMA_CODECS_H
#define SILMA_CODECS_H

#include <silma/silma.h>

#ifdef __cplusplus
extern "C" {
#endif

// All codecs that this build has; valid for ever.
SILMA_API const silma_codecs *silma_codecs_default(void);

#ifdef __cplusplus
}
#endif

#endif
