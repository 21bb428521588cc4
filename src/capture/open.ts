import { CaptureFile, type CaptureOptions } from './file.js';
import type { FrameSource } from './frame.js';
import { MergedFrames } from './merged.js';

export type { CaptureOptions } from './file.js';

/**
 * Opens captures: pcap and pcapng, plain, gzip or zstd, files, pipes and `-`, recognised by content, merged by time.
 * Nothing is read before `open()` or the first frame is asked for. Errors are collected in the result, none is thrown.
 * @param paths as the user gave them
 */
export function openCaptures(paths: readonly string[], options: CaptureOptions = {}): FrameSource {
  return new MergedFrames(paths.map((path) => new CaptureFile(path, options)));
}
