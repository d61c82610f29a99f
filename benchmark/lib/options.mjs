import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

/** Ends the program with a message, as for a wrong option. */
export function refuse(message) {
  console.error(message)
  process.exit(2)
}

/** Reads a whole number of at least one, or ends the program with a message. */
export function positive(name, text) {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1) return value
  return refuse(`--${name} takes a whole number of at least 1, not ${text}`)
}

/** A file meant relative to where npm was started: npm runs programs in the benchmark's folder. */
export const fileOf = (path) => (path === undefined ? undefined : resolve(process.env.INIT_CWD ?? '.', path))

/** Command-line options by name with their default texts; an option that is not among them ends the program with a message. */
export function readTexts(defaults) {
  const options = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [
      name,
      { type: 'string', ...(value === undefined ? {} : { default: value }) },
    ]),
  )
  try {
    return parseArgs({ options }).values
  } catch (error) {
    return refuse(error.message)
  }
}

/** The most threads that an engine may use, unless `--threads` says otherwise. */
export const defaultThreads = String(availableParallelism())

/** The options that every program has which lets engines take turns; `defaults` are further options or other defaults. */
export function readOptions(defaults = {}) {
  const texts = readTexts({
    peers: undefined,
    threads: defaultThreads,
    rounds: '20',
    budget: '10',
    limit: '100',
    only: '',
    json: undefined,
    ratios: undefined,
    peak: undefined,
    ...defaults,
  })
  return {
    ...texts,
    peers: texts.peers?.split(','),
    json: fileOf(texts.json),
    ratios: fileOf(texts.ratios),
    threads: positive('threads', texts.threads),
    rounds: positive('rounds', texts.rounds),
    budget: positive('budget', texts.budget) * 1000,
    limit: positive('limit', texts.limit) * 1000,
    peak: texts.peak === undefined ? undefined : positive('peak', texts.peak),
  }
}
