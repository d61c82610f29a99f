import { callNative } from '../errors.js'
import type { NativeNewState } from '../native/index.js'
import type { Engine } from './engine.js'
import { type OpenFile, readWhole } from './readWhole.js'

/** The state of a training that a model will go on from. It keeps its own until {@link take}. */
export class NewState {
  readonly #engine: Engine
  readonly #native: NativeNewState

  private constructor(engine: Engine, native: NativeNewState) {
    this.#engine = engine
    this.#native = native
  }

  /** Memory for it. Rejects with `ERR_MEMORY`, `ERR_STATE`. */
  static async of(engine: Engine): Promise<NewState> {
    return new NewState(engine, await queued(engine, () => engine.ready().newState()))
  }

  /** Takes a whole file; see {@link readWhole}. */
  async readFile(path: string, file: OpenFile, sha256?: string): Promise<boolean> {
    return await readWhole(this.#native, path, file, sha256)
  }

  /** Takes the next bytes of a file of `size` bytes. `ERR_FORMAT` if it is not the state of the model's optimizer. */
  append(bytes: Uint8Array, size: number): void {
    callNative(() => this.#native.appendFile(bytes, size))
  }

  /** Lets the model go on from it. Rejects with `ERR_FORMAT` if it is not all there. */
  async take(): Promise<void> {
    await queued(this.#engine, () => this.#engine.ready().takeState(this.#native))
  }

  /** Frees the memory unless the model has it. */
  free(): void {
    callNative(() => this.#native.free())
  }
}

const queued = <T>(engine: Engine, work: () => Promise<T>): Promise<T> =>
  engine.queue('loadModel', 'callbacks', () => engine.cancellable(undefined, work))
