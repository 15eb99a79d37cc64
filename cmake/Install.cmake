# cmake --install: headers, libraries, pkg-config files, CMake package, command, manual, models.

include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Silma)
set(libraries silma silma-static)
set(headers include/silma/silma.h)
set(pc_names silma)
foreach(part codecs report)
    if(TARGET silma-${part})
        list(APPEND libraries silma-${part} silma-${part}-static)
        list(APPEND headers include/silma/${part}.h)
        list(APPEND pc_names silma-${part})
        set_target_properties(silma-${part} PROPERTIES EXPORT_NAME ${part})
        set_target_properties(silma-${part}-static PROPERTIES EXPORT_NAME ${part}-static)
    endif()
endforeach()

install(TARGETS ${libraries} EXPORT SilmaTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/silma)
install(EXPORT SilmaTargets NAMESPACE Silma:: DESTINATION ${package_dir})

configure_package_config_file(cmake/SilmaConfig.cmake.in ${PROJECT_BINARY_DIR}/SilmaConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/SilmaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/SilmaConfig.cmake ${PROJECT_BINARY_DIR}/SilmaConfigVersion.cmake
        DESTINATION ${package_dir})

# The .pc files find their prefix from their own place, so that an installed tree may be moved.
file(RELATIVE_PATH pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
foreach(name IN LISTS pc_names)
    configure_file(cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/silma/models FILES_MATCHING PATTERN "*.silma")
# Beside the README what it and the manual point to.
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR}
        FILES_MATCHING PATTERN "*.md" PATTERN "*.png" PATTERN "thesis.html" PATTERN "experiments" EXCLUDE)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR}
        FILES_MATCHING PATTERN "*.c" PATTERN "Makefile" PATTERN "CMakeLists.txt")
if(TARGET silma_command)
    install(TARGETS silma_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(FILES docs/silma.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES cli/silma.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME silma)
endif()
