import { readDescription } from '../model/folder.js'
import { format, formatVersion } from '../model/save.js'
import { isRecord } from '../options.js'
import { forecasterFile } from './savedForecaster.js'

/** The task whose model a folder holds, as far as the folder says: a classifier's does not. Rejects with `ERR_IO` or `ERR_FORMAT` if it holds no model. */
export async function taskOf(folder: string): Promise<'forecasting' | 'translation' | 'captioning' | undefined> {
  const { assets, metadata } = await readDescription(folder, format, formatVersion)
  if (isRecord(assets) && Object.hasOwn(assets, forecasterFile)) return 'forecasting'
  const task = isRecord(metadata) ? metadata.task : undefined
  return task === 'translation' || task === 'captioning' ? task : undefined
}
