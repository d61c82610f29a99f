import { Option } from 'commander'
import type { TableRow } from '../data/columns.js'
import { Dataset } from '../data/dataset.js'
import { textsOf } from '../data/jsonLines.js'
import { from } from '../data/sources.js'
import { type TableOptions, wholeRows } from '../data/table.js'
import { holdsJsonLines, write } from '../data/write.js'
import { describe, SeqloomError } from '../errors.js'
import { answersFor } from '../tasks/shared/answers.js'
import * as flags from './flags.js'
import { note } from './output.js'
import { inPlace, namingFlags, tableOptions } from './rows.js'
import type { Flags } from './taskCommand.js'
import { lines } from './texts.js'

/** How a command answers what it is asked: given texts, the rows of a table, or the lines of standard input. */
export interface Answering<Name extends string, Asked, Answer> {
  /** The columns of a table, by what they are. Texts that are given, and lines, are of the first one. */
  readonly columns: Readonly<Record<Name, string>>
  /** What else than texts the columns may hold. */
  readonly values?: Pick<TableOptions, 'plainValues' | 'lists'>
  /** What the texts of a row's columns ask. */
  read(texts: Readonly<Record<Name, string>>): Asked | Promise<Asked>
  answer(asked: readonly Asked[]): Promise<readonly Answer[]>
  /** Prints an answer. */
  show(texts: Readonly<Record<Name, string>>, answer: Answer): void
  /** The columns of an answer in a file; `nested` where a field may hold others. */
  written(answer: Answer, nested: boolean): object
}

/** The flags of a command that answers the rows of a table, whose columns these name. */
export const answerFlags = (
  columns: Readonly<Record<string, string>>,
  force = 'replace the file at --out',
): Option[] => [
  new Option('--data <file>', 'a table of what is asked'),
  ...flags.columns(columns),
  new Option(
    '--out <file>',
    'where to write the rows of --data, or what was given, with the answers: .csv, .jsonl or .parquet',
  ),
  new Option('--force', force).default(false),
  ...flags.table(),
]

/** Throws `ERR_OPTION` for arguments and {@link answerFlags} that cannot be combined. */
export function checkAnswering(given: readonly string[], { data, out, json, force, attentionMap }: Flags): void {
  if (given.length > 0 && data !== undefined) {
    throw new SeqloomError('ERR_OPTION', 'give texts or --data, not both')
  }
  if (out !== undefined && json === true) {
    throw new SeqloomError('ERR_OPTION', '--json is printed: give it without --out, or an --out that ends in .jsonl')
  }
  if (force === true && out === undefined && attentionMap === undefined) {
    throw new SeqloomError('ERR_OPTION', '--force replaces a file, and none is to be written: give --out, too')
  }
}

/** Throws `ERR_OPTION` for flags that are for other tasks than the `what` that was loaded. */
export function checkFor(what: string, flags: Flags, others: readonly string[]): void {
  for (const flag of others) {
    if (flags[flag]) throw new SeqloomError('ERR_OPTION', `${flags.model} is ${what}, which has no use for --${flag}`)
  }
}

/** Answers all that is asked: prints the answers, or writes them into the file at `--out`. */
export async function answerAll<Name extends string, Asked, Answer>(
  given: readonly string[],
  flags: Flags,
  signal: AbortSignal,
  answering: Answering<Name, Asked, Answer>,
): Promise<void> {
  const names = Object.keys(answering.columns) as Name[]
  const columns: string[] = names.map((name) => answering.columns[name])
  const rows = asked(given, flags, signal, columns)
  const unnamed = answersFor('--data', rows, async (some) => {
    const texts = some.map((row, at) => {
      const own = textsOf(`row ${at}`, row, columns, answering.values)
      return Object.fromEntries(names.map((name, at) => [name, own[columns[at] as string]])) as Record<Name, string>
    })
    const questions: Asked[] = []
    for (const [at, each] of texts.entries()) {
      try {
        questions.push(await answering.read(each))
      } catch (error) {
        throw inPlace(error, `row ${at}`)
      }
    }
    const answers = await answering.answer(questions)
    return some.map((row, at) => ({ row, texts: texts[at] as Record<Name, string>, answer: answers[at] as Answer }))
  })
  const answered = namingFlags(answering.columns, unnamed)
  if (flags.out === undefined) {
    for await (const { texts, answer } of answered) answering.show(texts, answer)
    return
  }
  const out = flags.out as string
  const nested = holdsJsonLines(out)
  const joined = beside()
  const lines = answered.map(({ row, answer }) => joined(row, answering.written(answer, nested)))
  const count = await write(lines, out, { signal, overwrite: flags.force === true })
  note(`wrote ${count} rows with their answers in ${out}`)
}

/** Adds an answer to the columns of a row. */
export type Beside = (row: TableRow, answer: object) => object

/**
 * Puts answers beside the columns of rows, which keep their names: a column of an answer that is called as one of the first
 * row gets another name, in all rows. `ERR_DATA` for a later row that has a column which the first one lacks and the answers
 * have.
 */
export function beside(): Beside {
  let first: ReadonlySet<string> | undefined
  let count = 0
  return (row, answer) => {
    first ??= new Set(Object.keys(row))
    const [known, number] = [first, count++]
    const named = Object.entries(answer).map(([column, value]) => {
      let name = column
      while (known.has(name)) name = `predicted ${name}`
      if (Object.hasOwn(row, name)) {
        throw new SeqloomError(
          'ERR_DATA',
          `--data: row ${number} has ${describe(name)}, as the answers have, unlike the first row: rename that column, or give it to all rows`,
        )
      }
      return [name, value] as const
    })
    return { ...row, ...Object.fromEntries(named) }
  }
}

function asked(
  given: readonly string[],
  flags: Flags,
  signal: AbortSignal,
  columns: readonly string[],
): Dataset<TableRow> {
  const { data, encoding } = flags as { readonly data?: string; readonly encoding?: string }
  const [column = '', ...others] = columns
  if (data !== undefined) return wholeRows(data, columns, tableOptions({ ...flags, signal }))
  if (others.length > 0) {
    throw new SeqloomError('ERR_OPTION', `${flags.model} needs --data, a table with the columns ${columns.join(', ')}`)
  }
  const texts =
    given.length > 0
      ? from(given)
      : new Dataset<string>({ name: 'standard input', once: true, all: () => lines(process.stdin, signal, encoding) })
  return texts.map((text) => ({ [column]: text }))
}
