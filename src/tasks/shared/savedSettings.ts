import { SeqloomError } from '../../errors.js'

/** A task's settings as they are saved: without what has a file of its own, such as a tokenizer. */
export function savedSettings(settings: object): Readonly<Record<string, unknown>> {
  const plain = (value: unknown) => typeof value !== 'object'
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => plain(value)))
}

/** The settings that a folder has, or the defaults for one that was saved before there were any; `ERR_FORMAT` for what `check` refuses. */
export function readSettings<Settings>(folder: string, saved: unknown, check: (options: never) => Settings): Settings {
  try {
    return check((saved ?? {}) as never)
  } catch (error) {
    throw new SeqloomError('ERR_FORMAT', `${folder}: its settings: ${(error as Error).message}`, { cause: error })
  }
}
