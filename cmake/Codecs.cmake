# libsilma-codecs: what needs other people's libraries to read a file.

file(GLOB codec_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/codecs/*.c)
if(codec_sources)
    set(codec_libraries ZLIB::ZLIB PNG::PNG JPEG::JPEG)
    add_library(silma_codec_objects OBJECT ${codec_sources})
    target_include_directories(silma_codec_objects PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(silma_codec_objects PRIVATE silma_options ${codec_libraries})

    silma_library(silma-codecs silma_codec_objects)
    target_link_libraries(silma-codecs PUBLIC silma PRIVATE ${codec_libraries})
    target_link_libraries(silma-codecs-static PUBLIC silma-static PRIVATE ${codec_libraries})
endif()
