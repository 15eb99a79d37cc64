#include "nn/zoo.h"

#include "silma/silma.h"

const char *silma_zoo_name(size_t index)
{
    return index < zoo_count ? zoo_entries[index].name : NULL;
}

const char *silma_zoo_title(size_t index)
{
    return index < zoo_count ? zoo_entries[index].title : NULL;
}

const char *silma_zoo_text(size_t index)
{
    return index < zoo_count ? zoo_entries[index].text : NULL;
}
