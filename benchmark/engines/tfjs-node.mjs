import { peer } from './shared/peer.mjs'
import { serveTfjs } from './shared/tfjs.mjs'

const tf = peer('@tensorflow/tfjs-node')
await serveTfjs(tf, 'tfjs-node', tf.version['tfjs-node'])
