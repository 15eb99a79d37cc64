# What the parts need from outside. Nothing is optional behind the user's back: an option that is on and lacks its
# library stops here.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)

if(SILMA_CODECS)
    find_package(ZLIB REQUIRED)
    find_package(PNG REQUIRED)
    find_package(JPEG REQUIRED)
endif()
if(SILMA_COMMAND AND SILMA_FETCH)
    pkg_check_modules(libcurl IMPORTED_TARGET libcurl)
    pkg_check_modules(libarchive IMPORTED_TARGET libarchive)
    if(NOT libcurl_FOUND OR NOT libarchive_FOUND)
        message(FATAL_ERROR "`silma data get` needs libcurl and libarchive: install libcurl4-openssl-dev and "
                            "libarchive-dev, or leave it out with -DSILMA_FETCH=OFF")
    endif()
endif()
if(SILMA_COMMAND AND SILMA_RASTER AND SILMA_REPORT)
    pkg_check_modules(librsvg librsvg-2.0>=2.52)
    pkg_check_modules(cairo cairo)
    if(NOT librsvg_FOUND OR NOT cairo_FOUND)
        message(FATAL_ERROR "figures as PNG files need librsvg and cairo: install librsvg2-dev, or leave them out with "
                            "-DSILMA_RASTER=OFF")
    endif()
endif()
if(SILMA_TESTS)
    pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)
endif()
