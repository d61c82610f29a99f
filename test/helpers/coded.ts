import { expect } from 'vitest'

/** Matches a SeqloomError with this code whose message matches. */
export const coded = (code: string, message = /./) =>
  expect.objectContaining({ name: 'SeqloomError', code, message: expect.stringMatching(message) })
