import { Option } from 'commander'
import { answerFlags, beside, checkAnswering, checkFor } from '../../cli/answering.js'
import { note, oneLine, print, printJson } from '../../cli/output.js'
import { lossView } from '../../cli/progress.js'
import { type FileOptions, tableHelp } from '../../cli/rows.js'
import { table } from '../../cli/table.js'
import { type Flags, taskCommand } from '../../cli/taskCommand.js'
import type { TableRow } from '../../data/columns.js'
import { from } from '../../data/sources.js'
import { write } from '../../data/write.js'
import { SeqloomError } from '../../errors.js'
import { withRows } from '../shared/rows.js'
import { readForecastData, readForecastRows } from './columns.js'
import { type Forecast, Forecaster, type ForecastMeasures } from './index.js'
import { saving } from './saved.js'
import { typedRows } from './texts.js'

/** A forecaster of whatever columns a table has. */
type AnyForecaster = Forecaster<string, string, string>

/** What the command line does with a forecaster. */
export const command = taskCommand({
  kind: saving.kind,
  load: (folder: string): Promise<AnyForecaster> => Forecaster.load(folder),
  read: async (file, forecaster: AnyForecaster) => (await readForecastData(file, forecaster)) as never,
  show: showMeasures,
  train: {
    name: 'forecast',
    description:
      'Trains a forecaster on columns of a CSV file and saves the best model. Without --time, rows must be in chronological order.',
    data: tableHelp,
    options: Forecaster.optionTables,
    flags: [
      new Option('--covariates <columns...>', 'columns that are known ahead, such as promotions').default([]),
      new Option('--past <columns...>', 'columns that are known only afterwards').default([]),
    ],
    view: lossView('windows'),
    create: (options, { covariates: known, past }) =>
      new Forecaster<string, string, string>({ ...options, covariates: { known, past } as object }),
  },
  use: {
    name: 'predict',
    description: 'A forecaster continues the series that it has read, or that of --data.',
    argument: ['[texts...]', 'texts to label'],
    flags: [
      ...answerFlags({}),
      new Option('--known <file>', 'for a forecaster: a table of covariates that are known ahead'),
    ],
    check: checkAnswering,
    async run(forecaster, texts, flags, signal) {
      if (texts.length > 0) {
        throw new SeqloomError('ERR_OPTION', `${flags.model} is a forecaster, which takes no texts`)
      }
      await predict(forecaster, { ...flags, signal })
    },
  },
})

/**
 * Prints or writes what a forecaster expects after the series that it has read, or after those of a file: with a time,
 * rows of time and group with what is known of them from another file.
 */
async function predict(
  forecaster: AnyForecaster,
  flags: Flags & Partial<FileOptions> & { readonly known?: string; readonly out?: string },
): Promise<void> {
  const { data, known: ahead, json, out, signal } = flags
  const { time, group, variables, covariates } = forecaster
  checkFor('a forecaster', flags, ['explain'])
  if (data !== undefined) {
    await forecaster.read((await readForecastData({ ...flags, data }, forecaster)) as never)
  }
  if (ahead !== undefined && covariates.known.length === 0) {
    throw new SeqloomError('ERR_OPTION', `${flags.model} was trained without covariates, so --known has no use`)
  }
  const columns = { time, group, variables: [], covariates: { known: covariates.known, past: [] } }
  const known = ahead === undefined ? undefined : readForecastRows({ ...flags, data: ahead }, columns)
  const forecasts = known
    ? await withRows('--known', known, undefined, async (rows, decimal) =>
        forecaster.forecast({ known: typedRows('--known', rows, columns, decimal) }),
      )
    : forecaster.forecast()
  const joined = beside()
  const rows = forecasts.flatMap((row, index) => {
    const place: TableRow =
      time === undefined
        ? { step: index + 1 }
        : { [time]: row[time], ...(group !== undefined && { [group]: row[group] }) }
    return variables.map((variable) => {
      const { median, lower, upper } = row[variable] as Forecast
      return joined(place, { variable, median, lower, upper })
    })
  })
  if (out !== undefined) {
    const count = await write(from(rows), out, { overwrite: flags.force === true, ...(signal && { signal }) })
    note(`wrote ${count} rows of the forecast in ${out}`)
    return
  }
  for (const row of rows) {
    if (json) printJson(row)
    else print(Object.values(row).map(cell).join('\t'))
  }
}

const cell = (value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(6)) : oneLine(String(value)))

function showMeasures(
  steps: readonly Readonly<Record<string, ForecastMeasures>>[],
  json: boolean,
  { group }: AnyForecaster,
): void {
  const rows = steps.flatMap((step, index) =>
    Object.entries(step).flatMap(([variable, { groups = [], ...measures }]) => [
      { step: index + 1, variable, ...measures },
      ...groups.map(({ group, ...own }) => ({ step: index + 1, variable, group, ...own })),
    ]),
  )
  if (json) {
    for (const row of rows) printJson({ event: 'evaluation', ...row })
    return
  }
  const digits = (value: number) => String(Number(value.toPrecision(6)))
  const names = ['rmse', 'mae', 'coverage', 'width', 'persistence'] as const
  // What a series alone is measured by; shares of sales say more where there are many of different size.
  const shown = group === undefined ? names : ([...names, 'wape'] as const)
  const whose = (row: object) => (group === undefined ? [] : ['group' in row ? String(row.group) : 'all'])
  const body = rows.map((row) => [
    row.variable,
    String(row.step),
    ...whose(row),
    ...shown.map((name) => digits(row[name])),
  ])
  const head = ['variable', 'step', ...(group === undefined ? [] : [group]), ...shown]
  print(table([head, ...body]))
}
