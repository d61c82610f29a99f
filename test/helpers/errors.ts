import { expect } from 'vitest'

/** The stable codes of the package's errors. */
export type ErrorCode =
  | 'ERR_SHAPE'
  | 'ERR_OPTION'
  | 'ERR_DATA'
  | 'ERR_STATE'
  | 'ERR_FORMAT'
  | 'ERR_IO'
  | 'ERR_NUMERIC'
  | 'ERR_MEMORY'
  | 'ERR_UNSUPPORTED'
  | 'ERR_NATIVE'

/** What `action` throws or rejects with; fails the test where it does neither. */
export async function caught(action: () => unknown): Promise<Error & { code?: unknown }> {
  try {
    await action()
  } catch (error) {
    expect(error).toBeInstanceOf(Error)
    return error as Error & { code?: unknown }
  }
  throw new Error('expected an error, but the call went through')
}

/** Asserts that `action` throws or rejects with a SeqloomError of one of `codes` whose message matches every pattern. */
export async function expectCoded(
  action: () => unknown,
  codes: ErrorCode | readonly ErrorCode[],
  ...patterns: readonly RegExp[]
): Promise<void> {
  const error = await caught(action)
  expect(typeof codes === 'string' ? [codes] : codes, `code of: ${error.message}`).toContain(error.code)
  expect(error.name).toBe('SeqloomError')
  for (const pattern of patterns) expect(error.message).toMatch(pattern)
}
