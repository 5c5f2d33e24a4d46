"""Pages in a browser: `preview` for whoever mounts the camera, `dashboard` for subscribers.

Served by Tornado: HTTP and WebSockets in one package without dependencies of its own, with type
information and wheels for arm64. It comes with the extra `[web]`; the daemon never loads this
package.
"""
