# cmake --install: headers, libraries, pkg-config files, CMake package, command, manual, models.

include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Silma)
set(libraries silma silma-static)
if(TARGET silma-codecs)
    list(APPEND libraries silma-codecs silma-codecs-static)
    set_target_properties(silma-codecs PROPERTIES EXPORT_NAME codecs)
    set_target_properties(silma-codecs-static PROPERTIES EXPORT_NAME codecs-static)
endif()

install(TARGETS ${libraries} EXPORT SilmaTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/silma/silma.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/silma)
if(TARGET silma-codecs)
    install(FILES include/silma/codecs.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/silma)
endif()
install(EXPORT SilmaTargets NAMESPACE Silma:: DESTINATION ${package_dir})

configure_package_config_file(cmake/SilmaConfig.cmake.in ${PROJECT_BINARY_DIR}/SilmaConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/SilmaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/SilmaConfig.cmake ${PROJECT_BINARY_DIR}/SilmaConfigVersion.cmake
        DESTINATION ${package_dir})

# The .pc files find their prefix from their own place, so that an installed tree may be moved.
file(RELATIVE_PATH pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
set(pc_names silma)
if(TARGET silma-codecs)
    list(APPEND pc_names silma-codecs)
endif()
foreach(name IN LISTS pc_names)
    configure_file(cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/silma/models FILES_MATCHING PATTERN "*.silma")
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(TARGET silma_command)
    install(TARGETS silma_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(FILES docs/silma.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES cli/silma.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME silma)
endif()
