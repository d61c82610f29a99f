// Builds the addon for musl and runs the training program on Node 22 and 24 built for it. Needs an x86-64 Debian with Python's and npm's
// registries in reach; what it installs stays in the cache. `node scripts/platforms/linux-x64-musl.mjs`
import { reproducibleEnv } from '../release-env.mjs'
import { buildFor } from './build.mjs'
import { muslNode, zigEnv } from './musl.mjs'
import { debianRust } from './rust.mjs'
import { trainOn } from './train.mjs'

const env = {
  ...(await debianRust()),
  ...(await zigEnv()),
  ...reproducibleEnv('-C target-feature=-crt-static -C link-self-contained=no'),
  // Debian has no standard library built for musl, but its sources.
  RUSTC_BOOTSTRAP: '1',
  CARGO_UNSTABLE_BUILD_STD: 'std,panic_unwind',
}
const addons = await buildFor('x86_64-unknown-linux-musl', env, '-x')
for (const version of ['22.20.0', '24.19.0']) await trainOn(`Node ${version} on musl`, await muslNode(version), addons)
