// onnxruntime's binding for Node, for what is measured from JavaScript: streaming, and the start of a process.

import { stepModel } from './shared/onnx.mjs'
import { peer } from './shared/peer.mjs'
import { serve, values } from './shared/serve.mjs'

const threads = Number(process.argv[2])
const { InferenceSession, Tensor } = peer('onnxruntime-node')
const { version } = peer('onnxruntime-node/package.json')

/** One step of a layer: the states that come out go in again. */
async function stream({ kind, input, hidden }) {
  const { bytes, before, after } = stepModel(kind, input, hidden)
  const session = await InferenceSession.create(bytes, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    extra: { session: { set_denormal_as_zero: '1' } },
  })
  const x = values(input, 1)
  const zeros = new Tensor('float32', new Float32Array(hidden), [1, 1, hidden])
  let states = before.map(() => zeros)
  return async () => {
    const feeds = { X: new Tensor('float32', x, [1, 1, input]) }
    before.forEach((name, index) => {
      feeds[name] = states[index]
    })
    const outputs = await session.run(feeds)
    states = after.map((name) => outputs[name])
  }
}

await serve({ engine: 'onnxruntime-node', version }, { stream })
