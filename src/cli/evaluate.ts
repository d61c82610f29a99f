import { namingLines } from '../data/table.js'
import { configure } from '../engine.js'
import { SeqloomError } from '../errors.js'
import { Captioner, Forecaster, type ForecastMeasures, TextClassifier, Translator } from '../tasks/index.js'
import { taskOf } from '../tasks/taskOf.js'
import type { WrittenScores } from '../tasks/translationScores.js'
import { interruptible } from './interrupt.js'
import { print, printJson } from './output.js'
import { readCaptions, readForecastData, readRows, readTranslations } from './rows.js'
import { confusionTable, table } from './table.js'

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
  readonly delimiter?: string
  readonly encoding?: string
  readonly json: boolean
  readonly threads?: number
}

/** Measures a saved model on the rows of a file: a classifier, a translator, a captioner or a forecaster. */
export async function evaluate(options: EvaluateOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  const task = (await taskOf(options.model)) ?? 'classification'
  await interruptible((signal) => evaluations[task](options, signal))
}

const evaluations = {
  async classification(options: EvaluateOptions, signal: AbortSignal): Promise<void> {
    const classifier = await TextClassifier.load(options.model)
    const read = await readRows(options)
    const result = await namingLines(read, classifier.evaluate(read.rows, { signal }))
    if (options.json) {
      printJson({ event: 'evaluation', ...result })
      return
    }
    const { accuracy, loss, count, labels, confusion } = result
    print(`accuracy ${accuracy.toFixed(4)}  loss ${loss.toFixed(4)}  ${count} texts`)
    print(confusionTable(labels, confusion))
  },

  async translation(options: EvaluateOptions, signal: AbortSignal): Promise<void> {
    const translator = await Translator.load(options.model)
    const read = await readTranslations(options)
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
    const read = await readForecastData(options, forecaster)
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

function showScores(scores: WrittenScores & { readonly loss: number }, what: string, json: boolean): void {
  if (json) {
    printJson({ event: 'evaluation', ...scores })
    return
  }
  const { loss, bleu, exactMatch, errorRate, count } = scores
  const rates = `exact ${exactMatch.toFixed(4)}  error rate ${errorRate.toFixed(4)}`
  print(`BLEU ${bleu.score.toFixed(2)}  ${rates}  loss ${loss.toFixed(4)}  ${count} ${what}`)
}
