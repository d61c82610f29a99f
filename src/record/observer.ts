import { hostname } from 'node:os'
import type { Callback, Logs, Training, TrainingParams } from '../callbacks/callback.js'
import { batchPause, closing, type Ending, recording, showing } from '../callbacks/callback.js'
import { AbortError } from '../errors.js'
import type { Model } from '../model/model.js'
import { version } from '../native/version.js'
import { custom, flag, integer, type OptionRules } from '../options.js'
import { type EndEvent, type RunEvent, recorded, recordedValues, recordVersion, type StartEvent } from './event.js'
import { type LookOptions, look, lookChecks } from './looks.js'

/** What is noted of a training, besides its losses and metrics. */
export interface ObserverOptions extends LookOptions {
  /** Whether the norm of every layer's gradient is noted, as `callbacks.gradientNorms` does; default true. */
  readonly gradientNorms?: boolean
  /**
   * How many epochs there are from one look at the model to the next: at the distributions of the weights and of the
   * gradients of the epoch's last step, and at what the options below ask for. 0 is never. Default `'auto'`: after the
   * first and the last epoch, and in between as often as that takes less than 1% of the time.
   */
  readonly pictureFreq?: 'auto' | number
}

/** The checks of {@link ObserverOptions}. */
export const observerChecks: OptionRules['accepted'] = {
  ...lookChecks,
  gradientNorms: flag,
  pictureFreq: custom("'auto' or a number of epochs", (value) => value === 'auto' || integer(0).accepts(value)),
}

/** The share of the training's time that looks may take. */
const budget = 0.01

/** The least milliseconds between two batches that are noted. */
const leastInterval = 250

/** How many batches are noted of a training, roughly, before they become rarer. */
const manyBatches = 2000

/** The weights and the gradients of which there are histograms at most. */
const mostTensors = 64

/** Follows a training and notes it as events. */
export abstract class Observer implements Callback {
  /** @internal */
  readonly [recording] = true
  /** @internal Rarer than events of batches are is how often they are noted. */
  readonly [batchPause]: number = leastInterval / 2000
  readonly gradientNorms: boolean
  readonly #freq: 'auto' | number
  /** What a task offers to look at. */
  #offered: LookOptions = {}
  readonly #own: LookOptions
  #params: TrainingParams = { epochs: 1, steps: 1, verbose: 0 }
  /** Whether events are being noted. */
  #open = false
  #began = 0
  #told = 0
  #spent = 0
  /** How long the last look took. */
  #cost = 0
  /** The epochs, from 1, that ended last and that were looked at last. */
  #epoch = 0
  #looked = 0
  #size = 1

  constructor({ gradientNorms = true, pictureFreq = 'auto', ...looks }: ObserverOptions) {
    this.gradientNorms = gradientNorms
    this.#freq = pictureFreq
    this.#own = looks
  }

  /** Begins the notes of a run. */
  protected abstract open(start: StartEvent): Promise<void>
  protected abstract write(event: RunEvent): void
  /** Ends the notes of the run, if there are any, and waits until they are written. */
  protected abstract close(end: EndEvent | undefined): Promise<void>

  /** @internal What a task can show by itself; the user's own options win. */
  [showing](looks: LookOptions): void {
    this.#offered = looks
  }

  setParams(params: TrainingParams): void {
    this.#params = params
  }

  // Not as the training begins: by now it is known whether it is a resumed one.
  async onEpochBegin(_: number, __: Logs, training: Training): Promise<void> {
    if (this.#open) return
    const now = performance.now()
    ;[this.#began, this.#told] = [now, now]
    ;[this.#spent, this.#cost, this.#epoch, this.#looked] = [0, 0, 0, 0]
    await this.open(this.#start(training))
    this.#open = true
  }

  onBatchEnd(_: number, logs: Logs): void {
    const now = performance.now()
    if (!this.#open || now - this.#told < Math.max(leastInterval, (now - this.#began) / manyBatches)) return
    this.#told = now
    const { epoch = 0, batch = 0, batches = 0, size = 1, seconds = 0, ...values } = logs
    // The last batch of an epoch may be smaller.
    this.#size = Math.max(size, this.#size)
    const rate = ((batch + 1) * this.#size) / Math.max(seconds, 1e-6)
    const place = { epoch: epoch + 1, batch: batch + 1, batches, rate: recorded(Math.round(rate * 10) / 10) as number }
    this.write({ type: 'batch', time: Date.now(), ...place, values: recordedValues(values) })
  }

  async onEpochEnd(index: number, { seconds = 0, ...values }: Logs, { model, epochs }: Training): Promise<void> {
    const epoch = index + 1
    this.#epoch = epoch
    const event = { epoch, seconds, learningRate: model.learningRate, values: recordedValues(values) }
    this.write({ type: 'epoch', time: Date.now(), ...event })
    if (this.#isDue(epoch, epochs)) await this.#look(model, epoch)
  }

  async onTrainEnd(_: Logs, { model }: Training): Promise<void> {
    // An early end is known only now.
    if (this.#freq === 'auto' && this.#open && this.#epoch > this.#looked) await this.#look(model, this.#epoch)
  }

  /** @internal */
  async [closing](ending: Ending): Promise<void> {
    const open = this.#open
    this.#open = false
    await this.close(open ? endOf(ending) : undefined)
  }

  #isDue(epoch: number, epochs: number): boolean {
    if (this.#freq !== 'auto') return this.#freq > 0 && epoch % this.#freq === 0
    if (this.#looked === 0 || epoch === epochs) return true
    return this.#spent + this.#cost < budget * (performance.now() - this.#began)
  }

  /** Looks at the model while the training waits. */
  async #look(model: Model, epoch: number): Promise<void> {
    const began = performance.now()
    for (const event of await look(model, { ...this.#offered, ...this.#own }, epoch)) this.write(event)
    for (const of of ['weights', 'gradients'] as const) {
      const histograms = await model.histograms(of, mostTensors)
      if (histograms.length > 0) this.write({ type: 'histograms', epoch, of, histograms })
    }
    this.#cost = performance.now() - began
    this.#spent += this.#cost
    this.#looked = epoch
  }

  #start({ model, epochs }: Training): StartEvent {
    const facts = { version: recordVersion, seqloom: version, name: model.name, time: Date.now() }
    const place = { pid: process.pid, host: hostname(), epochs, steps: this.#params.steps }
    const about = { name: model.name, parameters: model.countParams(), summary: model.summary() }
    return { type: 'start', ...facts, ...place, model: about }
  }
}

function endOf({ failure }: Ending): EndEvent {
  const end = { type: 'end', time: Date.now() } as const
  if (failure === undefined) return { ...end, state: 'done' }
  if (failure.error instanceof AbortError) return { ...end, state: 'aborted' }
  const { error } = failure
  return { ...end, state: 'failed', message: error instanceof Error ? error.message : String(error) }
}
