// With SIMD, which Node has; the backend turns its threads off in Node.
import { peer } from './shared/peer.mjs'
import { serveTfjs } from './shared/tfjs.mjs'

const tf = peer('@tensorflow/tfjs')
const { version_wasm: version } = peer('@tensorflow/tfjs-backend-wasm')
await tf.setBackend('wasm')
await serveTfjs(tf, 'tfjs-wasm', version)
