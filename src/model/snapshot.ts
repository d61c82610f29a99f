import { callNative, fromNative } from '../errors.js'
import { pieceSize } from '../files.js'
import type { NativeSnapshot } from '../native/index.js'
import type { Engine } from './engine.js'
import { type FileBytes, format } from './folder.js'
import { ownedGraph } from './lower.js'

/**
 * What a model's files are made of, as it is now. The model may go on meanwhile, but has to copy what it changes until
 * this is freed.
 */
export interface Snapshot {
  readonly weights: FileBytes
  readonly training?: {
    readonly options: Readonly<Record<string, unknown>>
    /** Which weights training changes, in order, if that is no longer what their layers say. */
    readonly trained?: readonly boolean[]
    readonly learningRate: number
    readonly state?: FileBytes
  }
  /** Lets go of weights and state. */
  free(): void
}

/** The files of the weights and, `withState`, of the optimizer's state. */
export async function snapshot(engine: Engine, withState: boolean, call = 'save'): Promise<Snapshot> {
  return await engine.queue(call, 'callbacks', async () => {
    const { plan, trained, topology } = engine
    const { trained: current } = ownedGraph(topology)
    const training = plan && {
      options: plan.saved,
      ...(String(trained) === String(current) ? {} : { trained: trained as readonly boolean[] }),
      learningRate: engine.learningRate(),
    }
    const wanted = training !== undefined && withState && !engine.quantized
    const native = await engine.cancellable(undefined, () => engine.ready().snapshot(wanted, { format }))
    const [weights, state] = native.sizes().map((bytes, at) => fileOf(native, at === 1, bytes))
    return {
      weights: weights as FileBytes,
      ...(training && { training: { ...training, ...(state && { state }) } }),
      free: () => callNative(() => native.free()),
    }
  })
}

/** A file of a snapshot. */
const fileOf = (native: NativeSnapshot, ofState: boolean, bytes: number): FileBytes => ({
  bytes,
  async hash() {
    return await native.hash(ofState).catch((error: unknown) => {
      throw fromNative(error)
    })
  },
  *pieces() {
    const all = new Uint8Array(Math.min(pieceSize, bytes))
    for (let from = 0; from < bytes; from += pieceSize) {
      const piece = all.subarray(0, bytes - from)
      callNative(() => native.read(ofState, from, piece))
      yield piece
    }
  },
})
