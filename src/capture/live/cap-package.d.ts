/** Version 0.2.1, which has no types of its own: what is used of it. */
declare module 'cap' {
  /** A device being captured on. */
  interface Cap {
    /**
     * Opens a device; frames come one by one into `buffer`.
     * @param ring bytes of the kernel's buffer
     * @returns a name for the link type
     * @throws where libpcap refuses; `close` then aborts the process
     */
    open(device: string, filter: string, ring: number, buffer: Buffer): string;
    /** `length` bytes of `buffer` are a frame, until the listener returns. */
    on(event: 'packet', listener: (length: number, truncated: boolean) => void): this;
    close(): void;
  }
  const cap: { readonly Cap: new () => Cap };
  export default cap;
}
