import { visible } from '../errors.js'
import { type Displayed, displayed, jupyterDisplay, pictureOf, showsInTslab } from '../pictures/display.js'
import { textTable } from '../pictures/textTable.js'
import { ranked, type Trial } from './trial.js'

/** What a search found. In a notebook of Deno it shows itself as its table. */
export class SearchResult<Options, Fitted> {
  /** All trials, by number. */
  readonly trials: readonly Trial<Options>[]
  /** The best one: of equals, the first. */
  readonly best: Trial<Options>
  /** The model, or the task, that was trained anew with the best options; undefined with `refit: false`. */
  readonly refitted: Fitted | undefined
  readonly #monitor: string
  readonly #sign: 1 | -1

  /** @internal */
  constructor(
    trials: readonly Trial<Options>[],
    best: Trial<Options>,
    refitted: Fitted | undefined,
    monitor: string,
    sign: 1 | -1,
  ) {
    this.trials = trials
    this.best = best
    this.refitted = refitted
    this.#monitor = monitor
    this.#sign = sign
  }

  /**
   * A table (text) of the trials, the best first: what was monitored, after which epoch of how many, the options, and of
   * those that failed the code and the reason.
   */
  table(): string {
    const rows = ranked(this.trials as readonly Trial[], this.#sign)
    const names = Object.keys(rows[0]?.options ?? {})
    const reasons = rows.some(({ error }) => error !== undefined)
    const head = ['trial', 'state', this.#monitor, 'epoch', 'seconds', ...names, ...(reasons ? ['reason'] : [])]
    const body = rows.map(({ number, state, value, bestEpoch, values, seconds, options, error }) => [
      String(number),
      error?.code ?? state,
      value === undefined ? '' : short(value),
      bestEpoch === undefined ? '' : `${bestEpoch}/${values.length}`,
      seconds.toFixed(1),
      ...names.map((name) => shown(options[name])),
      ...(reasons ? [error ? brief(error.message) : ''] : []),
    ])
    return textTable([head, ...body])
  }

  /** What a notebook shows. */
  [jupyterDisplay](): Displayed {
    const table = this.table()
    return displayed(pictureOf(table), table)
  }

  static {
    showsInTslab(SearchResult.prototype)
  }
}

/** The beginning of a message, on one line. */
function brief(message: string): string {
  const line = visible(message)
  return line.length > 80 ? `${line.slice(0, 80)}…` : line
}

const short = (value: number): string => String(Number(value.toPrecision(5)))
const shown = (value: unknown): string => (typeof value === 'number' ? short(value) : String(value))
