// The record of a run: a file of JSON lines, `run.jsonl`, in a folder of its own. The first line is a `start`, the last
// one of a run that came to its end is an `end`. Epochs count from 1; numbers that JSON does not have are texts.

import type { Histogram } from '../model/histogram.js'

/** The name of the file of a record. */
export const recordName = 'run.jsonl'

/** The version of the format. A reader refuses records of a later one. */
export const recordVersion = 1

/** A number in a record: `'NaN'`, `'Infinity'` and `'-Infinity'` where it is not finite. */
export type Recorded = number | string

/** Values by name. */
export type RecordedValues = Readonly<Record<string, Recorded>>

/** What was trained, where, and for how long at most. */
export interface StartEvent {
  readonly type: 'start'
  readonly version: number
  readonly seqloom: string
  readonly name: string
  /** Milliseconds since 1970. */
  readonly time: number
  /** The process that trains, and its computer. */
  readonly pid: number
  readonly host: string
  /** The number of the last epoch. */
  readonly epochs: number
  /** Batches of an epoch. */
  readonly steps: number
  readonly model: { readonly name: string; readonly parameters: number; readonly summary: string }
}

/** A run goes on from a backup: the following epochs replace those of the same numbers. */
export interface ContinueEvent {
  readonly type: 'continue'
  readonly time: number
  readonly pid: number
  readonly host: string
  /** The number of the last epoch. */
  readonly epochs: number
}

/** Where an epoch is. */
export interface BatchEvent {
  readonly type: 'batch'
  readonly time: number
  readonly epoch: number
  /** How many batches of the epoch are done. */
  readonly batch: number
  /** How many the epoch has; 0 while that is not known, in the first epoch of a stream. */
  readonly batches: number
  /** Rows per second. */
  readonly rate: number
  /** The loss and the metrics so far in the epoch. */
  readonly values: RecordedValues
}

/** What an epoch came to. */
export interface EpochEvent {
  readonly type: 'epoch'
  readonly time: number
  readonly epoch: number
  readonly seconds: number
  readonly learningRate: number
  /** The loss, the metrics, both with `val_`, and norms of gradients. */
  readonly values: RecordedValues
}

/** The values of weights, or of the gradients of the epoch's last step. */
export interface HistogramsEvent {
  readonly type: 'histograms'
  readonly epoch: number
  readonly of: 'weights' | 'gradients'
  readonly histograms: readonly Histogram[]
}

/** How often each class was taken for each one. */
export interface ConfusionMatrix {
  readonly labels: readonly string[]
  /** `counts[i][j]`: how many examples of class i were taken for class j. */
  readonly counts: readonly (readonly number[])[]
}

/** What each of some things attends to. */
export interface AttentionWeights {
  /** What attends: the tokens that were written, say. */
  readonly rows: readonly string[]
  /** What is attended to. */
  readonly columns: readonly string[]
  /** `weights[i][j]`: the share of row i's attention for column j. */
  readonly weights: readonly (readonly number[])[]
}

/** The hidden states of a layer over a text. */
export interface HiddenStates {
  readonly tokens: readonly string[]
  /** `values[i][j]`: unit j after token i. */
  readonly values: readonly (readonly number[])[]
}

/** A text that the model wrote. */
export interface Sample {
  readonly prompt?: string
  readonly text: string
}

export interface ConfusionEvent extends ConfusionMatrix {
  readonly type: 'confusion'
  readonly epoch: number
}

export interface AttentionEvent extends AttentionWeights {
  readonly type: 'attention'
  readonly epoch: number
}

export interface StatesEvent extends HiddenStates {
  readonly type: 'states'
  readonly epoch: number
}

export interface SampleEvent extends Sample {
  readonly type: 'sample'
  readonly epoch: number
}

/** How a run ended. */
export interface EndEvent {
  readonly type: 'end'
  readonly time: number
  /** `pruned`: a trial of a search, left because others were better. */
  readonly state: 'done' | 'aborted' | 'failed' | 'pruned'
  readonly message?: string
}

/** A picture of the model after an epoch. */
export type PictureEvent = HistogramsEvent | ConfusionEvent | AttentionEvent | StatesEvent | SampleEvent

/** A line of a record. */
export type RunEvent = StartEvent | ContinueEvent | BatchEvent | EpochEvent | PictureEvent | EndEvent

/** Whether a run goes on, and if not, how it ended; `lost` if its process is gone without a word. */
export type RunState = 'running' | EndEvent['state'] | 'lost'

/** A run as the list of the page has it. */
export interface ListedRun {
  readonly name: string
  /** When it began, in milliseconds since 1970. */
  readonly time: number
  readonly state: RunState
}

/** A number as a record has it. */
export const recorded = (value: number): Recorded => (Number.isFinite(value) ? value : String(value))

/** Numbers as a record has them. */
export function recordedValues(values: Readonly<Record<string, unknown>>): RecordedValues {
  const numbers = Object.entries(values).filter(([, value]) => typeof value === 'number')
  return Object.fromEntries(numbers.map(([name, value]) => [name, recorded(value as number)]))
}
