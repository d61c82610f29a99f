import { decoderCases } from './decoder.mjs'
import { growthCases } from './growth.mjs'
import { layerCases } from './layers.mjs'
import { modelCases } from './models.mjs'
import { raggedCases } from './ragged.mjs'
import { streamCases } from './stream.mjs'

const tfjs = ['tfjs-node', 'tfjs-wasm', 'tfjs-cpu']

/** The suites by name: their cases, and the engines that take part unless `--peers` says otherwise. */
export const suites = {
  layers: { cases: layerCases, peers: ['seqloom', 'pytorch', 'onnxruntime', ...tfjs] },
  models: { cases: modelCases, peers: ['seqloom', 'pytorch', 'tfjs-node'] },
  stream: { cases: streamCases, peers: ['seqloom', 'pytorch', 'onnxruntime-node', 'tfjs-node'] },
  growth: { cases: growthCases, peers: ['seqloom', 'pytorch', 'onnxruntime'] },
  decoder: { cases: decoderCases, peers: ['seqloom', 'pytorch'] },
  ragged: { cases: raggedCases, peers: ['seqloom', 'pytorch'] },
}
