import { describe, SeqloomError } from '../../errors.js'

/** Throws `ERR_DATA` unless `list` is a non-empty array. */
export function checkList(where: string, what: string, list: readonly unknown[]): void {
  if (!Array.isArray(list)) {
    throw new SeqloomError('ERR_DATA', `${where}: expected an array of ${what}, not ${describe(list)}`)
  }
  checkNotEmpty(where, list)
}

/** `ERR_DATA` for a list without rows. */
export function checkNotEmpty(where: string, list: readonly unknown[]): void {
  if (list.length === 0) throw new SeqloomError('ERR_DATA', `${where}: there are no rows`)
}
