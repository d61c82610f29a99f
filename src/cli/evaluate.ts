import { namingLines } from '../data/table.js'
import { readText } from '../data/textFile.js'
import { configure } from '../engine.js'
import { SeqloomError } from '../errors.js'
import type { WrittenScores } from '../tasks/decoding/scores.js'
import {
  Captioner,
  type ClassReport,
  Forecaster,
  type ForecastMeasures,
  QuestionAnswerer,
  SequenceTagger,
  TextClassifier,
  TextGenerator,
  Translator,
} from '../tasks/index.js'
import { taskOf } from '../tasks/taskOf.js'
import { interruptible } from './interrupt.js'
import { print, printJson } from './output.js'
import { readCaptions, readForecastData, readQuestions, readRows, readTagged, readTranslations } from './rows.js'
import { confusionTable, reportTable, table } from './table.js'

/** The options of `seqloom evaluate`. */
export interface EvaluateOptions {
  readonly model: string
  readonly data: string
  readonly text: string
  readonly label: string
  readonly source: string
  readonly target: string
  readonly image: string
  readonly caption: string
  readonly tokens: string
  readonly tags: string
  readonly story: string
  readonly question: string
  readonly answer: string
  readonly delimiter?: string
  readonly encoding?: string
  readonly json: boolean
  readonly threads?: number
}

/** Measures a saved model of any task on the rows of a file, a text generator on a text. */
export async function evaluate(options: EvaluateOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  const { name, words, task } = await taskOf(options.model)
  if (task === undefined) {
    const cure = 'load it in a program and give its evaluate the inputs and targets'
    throw new SeqloomError('ERR_UNSUPPORTED', `${options.model} holds ${words} that is no task's; ${cure}`)
  }
  await interruptible((signal) => evaluations[name as keyof typeof evaluations](options, signal))
}

const evaluations = {
  async classification(options: EvaluateOptions, signal: AbortSignal): Promise<void> {
    const classifier = await TextClassifier.load(options.model)
    const read = await readRows({ ...options, signal })
    const result = await namingLines(read, classifier.evaluate(read.rows, { signal }))
    showReport(result, `${result.count} texts`, options.json)
  },

  async tagging(options: EvaluateOptions, signal: AbortSignal): Promise<void> {
    const tagger = await SequenceTagger.load(options.model)
    const read = await readTagged({ ...options, signal })
    const result = await namingLines(read, tagger.evaluate(read.rows, { signal }))
    const { count, sequences, sequenceAccuracy, entities, entityTypes = [] } = result
    const whole = `${count} tokens  ${sequenceAccuracy.toFixed(4)} of ${sequences} sequences`
    showReport(result, whole, options.json)
    if (options.json || !entities) return
    const { precision, recall, f1 } = entities
    const numbers = [precision, recall, f1].map((value) => value.toFixed(4))
    print(`\nentities: precision ${numbers[0]}  recall ${numbers[1]}  f1 ${numbers[2]}`)
    print(reportTable({ classes: entityTypes }, 'entity'))
  },

  async answering(options: EvaluateOptions, signal: AbortSignal): Promise<void> {
    const answerer = await QuestionAnswerer.load(options.model)
    const read = await readQuestions({ ...options, signal })
    const result = await namingLines(read, answerer.evaluate(read.rows, { signal }))
    showReport(result, `${result.count} questions`, options.json)
  },

  async textGenerator({ model, data, json, ...options }: EvaluateOptions, signal: AbortSignal): Promise<void> {
    const generator = await TextGenerator.load(model)
    const result = await generator.evaluate(await readText(data, { ...options, signal }), { signal })
    if (json) printJson({ event: 'evaluation', ...result })
    else print(`perplexity ${result.perplexity.toFixed(4)}  loss ${result.loss.toFixed(4)}  ${result.count} tokens`)
  },

  async translation(options: EvaluateOptions, signal: AbortSignal): Promise<void> {
    const translator = await Translator.load(options.model)
    const read = await readTranslations({ ...options, signal })
    const scores = await namingLines(read, translator.evaluate(read.rows, { signal }))
    showScores(scores, 'sources', options.json)
  },

  async captioning(options: EvaluateOptions, signal: AbortSignal): Promise<void> {
    const captioner = await Captioner.load(options.model)
    if (!captioner.imageSize) {
      throw new SeqloomError('ERR_UNSUPPORTED', `${options.model} was trained on annotations, not on images`)
    }
    const read = await readCaptions({ ...options, size: captioner.imageSize }, signal)
    const scores = await namingLines(read, captioner.evaluate(read.rows, { signal }))
    showScores(scores, 'images', options.json)
  },

  async forecasting(options: EvaluateOptions, signal: AbortSignal): Promise<void> {
    const forecaster = await Forecaster.load<string, string, string>(options.model)
    const read = await readForecastData({ ...options, signal }, forecaster)
    const steps = await namingLines(read, forecaster.evaluate(read.rows as never, { signal }))
    const rows = steps.flatMap((step, index) =>
      Object.entries<ForecastMeasures>(step).flatMap(([variable, { groups = [], ...measures }]) => [
        { step: index + 1, variable, ...measures },
        ...groups.map(({ group, ...own }) => ({ step: index + 1, variable, group, ...own })),
      ]),
    )
    if (options.json) {
      for (const row of rows) printJson({ event: 'evaluation', ...row })
      return
    }
    const digits = (value: number) => String(Number(value.toPrecision(6)))
    const names = ['rmse', 'mae', 'coverage', 'width', 'persistence'] as const
    // What a series alone is measured by; shares of sales say more where there are many of different size.
    const shown = forecaster.group === undefined ? names : ([...names, 'wape'] as const)
    const whose = (row: object) => (forecaster.group === undefined ? [] : ['group' in row ? String(row.group) : 'all'])
    const body = rows.map((row) => [
      row.variable,
      String(row.step),
      ...whose(row),
      ...shown.map((name) => digits(row[name])),
    ])
    const head = ['variable', 'step', ...(forecaster.group === undefined ? [] : [forecaster.group]), ...shown]
    print(table([head, ...body]))
  },
}

function showReport(report: ClassReport & { readonly loss: number }, what: string, json: boolean): void {
  if (json) {
    printJson({ event: 'evaluation', ...report })
    return
  }
  print(`accuracy ${report.accuracy.toFixed(4)}  loss ${report.loss.toFixed(4)}  ${what}`)
  print(confusionTable(report))
  print('')
  print(reportTable(report, 'label'))
}

function showScores(scores: WrittenScores & { readonly loss: number }, what: string, json: boolean): void {
  if (json) {
    printJson({ event: 'evaluation', ...scores })
    return
  }
  const { loss, bleu, exactMatch, errorRate, count } = scores
  const rates = `exact ${exactMatch.toFixed(4)}  error rate ${errorRate.toFixed(4)}`
  print(`BLEU ${bleu.score.toFixed(2)}  ${rates}  loss ${loss.toFixed(4)}  ${count} ${what}`)
}
