# Writes OUTPUT, a C file that includes HEADER and defines for each of FILES (separated by commas) its text:
# dir/trace.css becomes `const char trace_css[]`.

string(REPLACE "," ";" files "${FILES}")
set(definitions "")
foreach(path IN LISTS files)
    get_filename_component(name ${path} NAME)
    string(MAKE_C_IDENTIFIER ${name} identifier)
    file(READ ${path} text)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
    string(APPEND definitions "\nconst char ${identifier}[] =\n    \"${text}\";\n")
endforeach()

file(WRITE ${OUTPUT} "// Made by cmake/EmbedText.cmake.
#include \"${HEADER}\"
${definitions}")
