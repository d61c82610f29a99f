// Prints what a quantized model predicts, and with which instructions.
import { backend, layers, sequential, tensor } from 'seqloom'

const model = sequential(
  [
    layers.bidirectional({ layer: layers.lstm({ units: 40, returnSequences: true }), inputShape: [null, 37] }),
    layers.gru({ units: 65, returnSequences: true }),
    layers.gru({ units: 33, resetAfter: false, returnSequences: true }),
    layers.dense({ units: 7 }),
  ],
  { seed: 6 },
).quantize()
const x = Float32Array.from({ length: 9 * 11 * 37 }, (_, i) => Math.sin(i * i))
const { data } = model.predictSync(tensor(x, [9, 11, 37]))
const { simd, int8 } = backend()
console.log(JSON.stringify({ simd, int8, data: [...data] }))
