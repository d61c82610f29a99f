import { configure } from '../configure.js'
import { readCsv } from '../data/csv.js'
import { AbortError } from '../errors.js'
import { type ClassifierEpoch, type LabelledText, TextClassifier } from '../tasks/index.js'
import { interruptible } from './interrupt.js'
import { note, printJson } from './output.js'
import { reporter } from './progress.js'

/** The options of `seqloom train classify`. */
export interface TrainClassifyOptions {
  readonly data: string
  readonly text: string
  readonly label: string
  readonly out: string
  readonly cell: 'lstm' | 'gru' | 'simpleRNN'
  readonly bidirectional: boolean
  readonly layers: number
  readonly units: number
  readonly embedding: number
  readonly dropout: number
  readonly maxVocabulary: number
  readonly maxLength: number
  readonly batchSize: number
  readonly epochs: number
  readonly learningRate: number
  readonly validationSplit: number
  readonly seed: number
  readonly json: boolean
  readonly threads?: number
}

/** Trains a text classifier and saves the best model; an interrupt saves the best so far and rejects with an AbortError. */
export async function trainClassify(options: TrainClassifyOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  await checkWritable(options.out)
  const { cell, bidirectional, layers, units, embedding, dropout, maxVocabulary, maxLength, seed } = options
  const classifier = new TextClassifier({
    ...{ cell, bidirectional, layers, units, embedding, dropout, maxVocabulary, maxLength, seed },
  })
  await interruptible(async (signal) => {
    const rows = await readRows(options)
    const run = new Run(classifier, options)
  })
}
