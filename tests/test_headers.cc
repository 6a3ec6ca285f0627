// What the precompiled headers of the tests are made for: they need a source to belong to.
