import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { engineNames } from './engine.mjs'

/** Reads a whole number of at least one, or ends the program with a message. */
export function positive(name, text) {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1) return value
  console.error(`--${name} takes a whole number of at least 1, not ${text}`)
  process.exit(2)
}

/** The options that every measuring program has; an unknown one ends the program with a message. */
export function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        suite: { type: 'string', default: 'layers' },
        peers: { type: 'string', default: engineNames.join(',') },
        threads: { type: 'string', default: String(availableParallelism()) },
        rounds: { type: 'string', default: '20' },
        only: { type: 'string', default: '' },
        json: { type: 'string' },
        peak: { type: 'string' },
      },
    })
    return {
      ...values,
      peers: values.peers.split(','),
      // npm runs this in the benchmark's folder; files are meant relative to where npm was started.
      json: values.json === undefined ? undefined : resolve(process.env.INIT_CWD ?? '.', values.json),
      threads: positive('threads', values.threads),
      rounds: positive('rounds', values.rounds),
      peak: values.peak === undefined ? undefined : positive('peak', values.peak),
    }
  } catch (error) {
    console.error(error.message)
    process.exit(2)
  }
}
