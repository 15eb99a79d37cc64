# Writes OUTPUT, a C file that holds every MODELS/*.silma: its name, its title (the first comment line) and its text.

file(GLOB models ${MODELS}/*.silma)
list(SORT models)

set(entries "")
foreach(model IN LISTS models)
    get_filename_component(name ${model} NAME_WE)
    file(READ ${model} text)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REGEX MATCH "^# *([^\n]*)\n" ignored "${text}")
    set(title "${CMAKE_MATCH_1}")
    if(title STREQUAL "")
        message(FATAL_ERROR "${model}: expected a comment with the network's title in the first line")
    endif()
    string(REPLACE "\n" "\\n\"\n     \"" text "${text}")
    string(APPEND entries "    {\"${name}\", \"${title}\",\n     \"${text}\"},\n")
endforeach()
list(LENGTH models count)

file(WRITE ${OUTPUT} "// Made from models/*.silma by cmake/EmbedModels.cmake.
#include \"nn/zoo.h\"

const zoo_entry zoo_entries[] = {
${entries}    {0, 0, 0},
};
const size_t zoo_count = ${count};
")
