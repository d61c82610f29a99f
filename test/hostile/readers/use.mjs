import { tensor } from 'seqloom'

/** Elements of inputs past which a model is not run: what a file asks for then is much by right. */
const mostElements = 20_000

/** Uses a loaded model as a program would, then drops it. */
export async function useModel(m) {
  try {
    m.summary()
    JSON.stringify(m.toJSON())
    const inputs = m.inputs.map(({ shape, dtype }) => {
      const sizes = shape.map((size, axis) => size ?? (axis === 0 ? 2 : 3))
      return { dtype, sizes, count: sizes.reduce((product, size) => product * size, 1) }
    })
    if (inputs.some(({ count }) => count > mostElements)) return
    const made = inputs.map(({ dtype, sizes, count }) =>
      tensor(dtype === 'int32' ? new Int32Array(count) : new Float32Array(count).fill(0.5), sizes),
    )
    await m.predict(made.length === 1 ? made[0] : made)
  } finally {
    m.dispose()
  }
}

/** A model into which files are loaded: all of its weights are replaced, or none. */
export class Receiver {
  #weights

  constructor(model) {
    this.model = model
    this.#weights = model.getWeights()
  }

  async load(work) {
    try {
      await work(this.model)
    } catch (error) {
      const now = this.model.getWeights()
      for (const [at, { data }] of this.#weights.entries()) {
        if (Buffer.compare(bytesOf(data), bytesOf(now[at].data)) !== 0) {
          throw new Error('a model was changed half way', { cause: error })
        }
      }
      throw error
    }
    await this.model.setWeights(this.#weights)
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)
