// What the precompiled headers of every module are made for (CMakeLists.txt): they need a source to belong to.
