import type { Callback } from '../../callbacks/callback.js'
import { isStreamed } from '../../data/sources.js'
import { learningRate } from '../../optimizers/schedule.js'
import * as checks from '../../options.js'
import { Tokenizer } from '../../text/tokenizer.js'
import { isFactor, type LabelWeights, labelWeights } from './classWeights.js'
import type { Values } from './option.js'

const numberFlag = (name: string) => ({
  name,
  read: (text: string) => (text.trim() === '' ? Number.NaN : Number(text)),
})

/** An integer within bounds, both included. */
export const integer = (min: number, max?: number): Values<number> => ({
  ...checks.integer(min, max),
  type: 'number',
  flag: numberFlag('<n>'),
})

/** A number of at least `min` and, when given, below `below`. */
export const number = (min: number, below?: number): Values<number> => ({
  ...checks.number(min, below),
  type: 'number',
  flag: numberFlag('<x>'),
})

const isNumber = (value: unknown): value is number => typeof value === 'number'

/** A number from 0 to 1, both included. */
export const share: Values<number> = {
  ...checks.custom('a number from 0 to 1', (value) => isNumber(value) && value >= 0 && value <= 1),
  type: 'number',
  flag: numberFlag('<share>'),
}

/** A factor that makes nothing larger. */
export const factor: Values<number> = {
  ...checks.custom('a number above 0, at most 1', (value) => isNumber(value) && value > 0 && value <= 1),
  type: 'number',
  flag: numberFlag('<x>'),
}

/** A number between 0 and 1. */
export const between: Values<number> = {
  ...checks.custom('a number between 0 and 1', (value) => isNumber(value) && value > 0 && value < 1),
  type: 'number',
  flag: numberFlag('<share>'),
}

/** A seed. */
export const seed: Values<number> = { ...checks.seed, type: 'number', flag: numberFlag('<n>') }

/** True or false. */
export const flag: Values<boolean> = { ...checks.flag, type: 'boolean', flag: {} }

/** One of some texts. */
export const oneOf = <const T extends string>(...texts: readonly T[]): Values<T> => ({
  ...checks.oneOf(texts),
  type: texts.map((text) => `'${text}'`).join(' | '),
  flag: { name: '<kind>', choices: texts },
})

/** A ready tokenizer. */
export const tokenizer: Values<Tokenizer> = {
  ...checks.custom('a tokenizer made by text.*', (value) => value instanceof Tokenizer),
  type: 'Tokenizer',
  from: ['Tokenizer', '../text/tokenizer.js'],
}

/** A learning rate, or a schedule of it. */
export const rate: Values<number> = {
  ...learningRate,
  type: 'number | Schedule',
  from: ['Schedule', '../optimizers/schedule.js'],
  flag: { ...numberFlag('<x>'), check: checks.positive },
}

/** Factors of the loss by label. On the command line one after the other, `spam=5`, or `balanced`. */
export const weights: Values<LabelWeights> = {
  ...labelWeights,
  type: 'LabelWeights',
  from: ['LabelWeights', './shared/classWeights.js'],
  flag: {
    name: '<label=factor...>',
    read(text, before) {
      if (text === 'balanced' && before === undefined) return text
      const found = /^(.+)=([^=]+)$/s.exec(text)
      const factor = found?.[2]?.trim() ? Number(found[2]) : Number.NaN
      if (!found || typeof before === 'string' || !isFactor(factor)) return undefined
      return { ...(before as object), [found[1] as string]: factor }
    },
    check: { ...labelWeights, expected: "'balanced', or labels with factors such as spam=5" },
  },
}

/** A file to read. */
export const file: Values<string | URL> = { ...checks.filePath, type: 'string | URL', flag: { name: '<file>' } }

/** Where something lies. */
export const folder: Values<string | URL> = { ...checks.filePath, type: 'string | URL' }

/** What aborts a call. */
export const signal: Values<AbortSignal> = { ...checks.abortSignal, type: 'AbortSignal' }

/** Callbacks of a training. */
export const callbacks: Values<Callback | readonly Callback[]> = {
  ...checks.custom('a callback or an array of them', () => true),
  type: 'Callback | readonly Callback[]',
  from: ['Callback', '../callbacks/callback.js'],
}

/** A function of some type. */
export const callback = (type: string, from: Values<unknown>['from']): Values<unknown> => ({
  ...checks.custom('a function', (value) => typeof value === 'function'),
  type,
  from,
})

/** Rows like those that a task trains on. */
export const rows: Values<readonly unknown[]> = {
  ...checks.custom('an array of rows, or a data set of them', (value) => Array.isArray(value) || isStreamed(value)),
  type: 'Rows<Row>',
  from: ['Rows', './shared/rows.js'],
}
