import { interop, type TensorLike } from 'seqloom'
import { describe } from 'vitest'
import { expectClose, outputBound } from '../helpers/compare.js'
import { forEachGolden } from '../helpers/golden.js'
import { readGolden } from '../helpers/safetensors.js'
import { asTensor } from '../helpers/stack.js'

describe('Keras’s files, loaded as they are, give Keras’s outputs', () => {
  forEachGolden('keras', ['lstm', 'stacked_cells', 'seq2seq_attention'], async (path) => {
    const saved = path.replace(/\.safetensors$/, '.keras')
    const given = readGolden<unknown>(path)
    const m = await interop.loadKeras(saved)
    const inputs = given.names
      .filter((name) => name.startsWith('x.'))
      .sort()
      .map((name, at) => asTensor(m.inputs[at]?.dtype === 'int32' ? given.ints(name) : given.floats(name)))
    const output = await m.predict(inputs.length === 1 ? (inputs[0] as TensorLike) : inputs)
    expectClose(output, given.floats('y.0'), outputBound, 'output')
    m.dispose()
  })
})
