import { fromNative } from '../errors.js'
import type { NativeModel, StagedArray } from '../native/index.js'
import type { Engine } from './engine.js'
import { format } from './folder.js'
import { ownedGraph } from './lower.js'

/** What a model's files are made of. */
export interface Snapshot {
  readonly weights: Uint8Array
  readonly training?: {
    readonly options: Readonly<Record<string, unknown>>
    /** Which weights training changes, in order, if that is no longer what their layers say. */
    readonly trained?: readonly boolean[]
    readonly learningRate: number
    readonly state?: Uint8Array
  }
}

/** The files of the weights and, `withState`, of the optimizer's state, made on another thread. */
export async function snapshot(engine: Engine, withState: boolean): Promise<Snapshot> {
  return await engine.queue('save', 'callbacks', async () => {
    const native = engine.ready()
    const header = { format }
    const { plan, trained, topology } = engine
    const { trained: current } = ownedGraph(topology)
    const training = plan && {
      options: plan.saved,
      ...(String(trained) === String(current) ? {} : { trained: trained as readonly boolean[] }),
      learningRate: engine.learningRate(),
    }
    try {
      const weights = await native.weightsFile(header)
      const state = training && withState && !engine.quantized ? { state: await native.stateFile(header) } : {}
      return { weights, ...(training ? { training: { ...training, ...state } } : {}) }
    } catch (error) {
      throw fromNative(error)
    }
  })
}

/** Restores the optimizer's state from a file; `ERR_FORMAT` if it is not this optimizer's. */
export async function putStateFile(engine: Engine, bytes: StagedArray): Promise<void> {
  await read(engine, (native) => native.readState(bytes))
}

async function read(engine: Engine, call: (native: NativeModel) => Promise<undefined>): Promise<void> {
  await engine.queue('loadModel', 'callbacks', async () => {
    try {
      await call(engine.ready())
    } catch (error) {
      throw fromNative(error)
    }
  })
}
