import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { describe, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'

/**
 * Reads texts from a file with one JSON object a line, by their names; empty lines are skipped. Rejects with `ERR_IO` if it cannot be read, and with `ERR_DATA`,
 * naming the line, for what is no object or has no such text; a file without objects is `ERR_DATA`.
 */
export async function readJsonLines<Name extends string>(
  path: string,
  names: readonly Name[],
): Promise<Record<Name, string>[]> {
  const rows: Record<Name, string>[] = []
  let line = 0
  try {
    for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      line++
      if (text.trim() !== '') rows.push(parsed(`${path}: line ${line}`, text, names))
    }
  } catch (error) {
    if (error instanceof SeqloomError) throw error
    throw new SeqloomError('ERR_IO', `cannot read ${path}: ${(error as Error).message}`, { cause: error })
  }
  if (rows.length === 0) throw new SeqloomError('ERR_DATA', `${path} has no rows`)
  return rows
}

function parsed<Name extends string>(place: string, text: string, names: readonly Name[]): Record<Name, string> {
  let value: unknown
  try {
    // Some editors begin files with a byte order mark.
    value = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw new SeqloomError('ERR_DATA', `${place} is no JSON: ${(cause as Error).message}`, { cause })
  }
  if (!isRecord(value)) throw new SeqloomError('ERR_DATA', `${place} must be a JSON object, not ${describe(value)}`)
  const row = {} as Record<Name, string>
  for (const name of names) {
    const field = value[name]
    if (typeof field !== 'string') {
      throw new SeqloomError('ERR_DATA', `${place}: '${name}' must be a text, not ${describe(field)}`)
    }
    row[name] = field
  }
  return row
}
