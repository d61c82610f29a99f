import { peer } from './shared/peer.mjs'
import { serveTfjs } from './shared/tfjs.mjs'

const tf = peer('@tensorflow/tfjs')
await tf.setBackend('cpu')
await serveTfjs(tf, 'tfjs-cpu', tf.version.tfjs)
