//! Links the addon the way each platform's Node.js expects it.

fn main() {
    napi_build::setup();
}
