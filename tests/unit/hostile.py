"""Payloads that are made to do harm: what looks into taps reads them, and does nothing that they say."""

from __future__ import annotations

MARK = "hostile-mark"
TOUCH = f"touch {MARK}"


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def reduced(module: str, name: str, *arguments: str) -> bytes:
    """GLOBAL, a tuple, REDUCE: what `__reduce__` becomes in protocol 0."""
    return f"c{module}\n{name}\n".encode() + b"(" + b"".join(map(text, arguments)) + b"tR."


def stack_global(module: str, name: str, *arguments: str) -> bytes:
    """The same as protocol 4 has it."""
    return b"\x80\x04" + text(module) + text(name) + b"\x93(" + b"".join(map(text, arguments)) + b"tR."


def inst(module: str, name: str, *arguments: str) -> bytes:
    return b"(" + b"".join(map(text, arguments)) + f"i{module}\n{name}\n.".encode()


def obj(module: str, name: str, *arguments: str) -> bytes:
    return b"(" + f"c{module}\n{name}\n".encode() + b"".join(map(text, arguments)) + b"o."


def newobj(module: str, name: str, *arguments: str) -> bytes:
    return b"\x80\x02" + f"c{module}\n{name}\n".encode() + b"(" + b"".join(map(text, arguments)) + b"t\x81."


def in_a_list(module: str, name: str, *arguments: str) -> bytes:
    """Behind something harmless, and thrown away."""
    return b"]0" + reduced(module, name, *arguments)


def as_a_key(module: str, name: str, *arguments: str) -> bytes:
    return b"}" + reduced(module, name, *arguments)[:-1] + b"I1\ns."


def reference(module: str, name: str) -> bytes:
    """Only named, not called."""
    return f"c{module}\n{name}\n.".encode()


FORMS = (reduced, stack_global, inst, obj, newobj, in_a_list, as_a_key)
# By what the public scanners of pickles look for, and what goes round them.
NAMES = """
os.system posix.system nt.system os.popen os.execv os.execve os.spawnv os.spawnlp os.posix_spawn os.fork os.kill
os.remove os.unlink os.rename os.rmdir os.removedirs os.chmod os.chown os.putenv os.open os.write os.startfile
os._exit os.abort posix.execv posix.fork posix.posix_spawn posix.unlink subprocess.Popen subprocess.call
subprocess.run subprocess.check_output subprocess.check_call subprocess.getoutput subprocess.getstatusoutput
_posixsubprocess.fork_exec builtins.eval builtins.exec builtins.compile builtins.__import__ builtins.getattr
builtins.setattr builtins.delattr builtins.open builtins.breakpoint builtins.input builtins.globals
builtins.locals builtins.vars builtins.dir builtins.map builtins.filter builtins.super builtins.help
builtins.exit __builtin__.eval __builtin__.file __builtin__.apply importlib.import_module importlib.__import__
importlib.reload importlib.util.spec_from_file_location importlib.machinery.SourceFileLoader
importlib._bootstrap._call_with_frames_removed imp.load_source zipimport.zipimporter pkgutil.resolve_name
pkgutil.get_loader runpy.run_path runpy.run_module runpy._run_code runpy._run_module_code code.interact
code.InteractiveInterpreter code.InteractiveConsole codeop.compile_command pdb.run pdb.Pdb pdb.set_trace bdb.Bdb
bdb.run cProfile.run cProfile.runctx profile.run profile.Profile trace.Trace timeit.timeit timeit.main
timeit.Timer doctest.debug_script doctest.testfile pydoc.pipepager pydoc.locate pydoc.apropos cmd.Cmd
idlelib.pyshell.ModifiedInterpreter pty.spawn pty.fork tty.setraw ctypes.CDLL ctypes.PyDLL ctypes.cdll
ctypes.string_at ctypes.CFUNCTYPE _ctypes.dlopen types.FunctionType types.CodeType types.MethodType
types.ModuleType types.LambdaType types.new_class marshal.loads marshal.load pickle.loads pickle.load
pickle.Unpickler _pickle.loads _pickle.load shelve.open dbm.open operator.attrgetter operator.methodcaller
operator.itemgetter _operator.attrgetter _operator.methodcaller functools.reduce functools.partialmethod
functools.singledispatch sys.exit sys.settrace sys.setprofile sys.modules sys._getframe sys.addaudithook
sys.__dict__ gc.get_objects inspect.getattr_static inspect.unwrap linecache.getline atexit.register
signal.signal faulthandler.dump_traceback threading.Thread threading.Timer _thread.start_new_thread
multiprocessing.Process multiprocessing.Pool multiprocessing.util.spawnv_passfds
concurrent.futures.ThreadPoolExecutor asyncio.run asyncio.create_subprocess_shell
asyncio.unix_events._UnixSubprocessTransport sched.scheduler socket.socket socket.create_connection
socket.create_server _socket.socket ssl.SSLContext ssl.get_server_certificate http.client.HTTPConnection
http.client.HTTPSConnection http.server.HTTPServer urllib.request.urlopen urllib.request.urlretrieve
urllib.request.Request smtplib.SMTP ftplib.FTP telnetlib.Telnet poplib.POP3 imaplib.IMAP4 nntplib.NNTP
xmlrpc.client.ServerProxy socketserver.TCPServer wsgiref.simple_server.make_server webbrowser.open
webbrowser.get antigravity.geohash this.s shutil.rmtree shutil.move shutil.copyfile shutil.copytree shutil.chown
tempfile.mktemp tempfile.NamedTemporaryFile io.open io.FileIO _io.open _io.FileIO _io.open_code
_io.TextIOWrapper fileinput.input codecs.open tarfile.open zipfile.ZipFile gzip.open bz2.open lzma.open
mmap.mmap fcntl.fcntl termios.tcsetattr resource.setrlimit syslog.syslog sqlite3.connect logging.config.listen
logging.config.fileConfig logging.FileHandler logging.handlers.SocketHandler venv.create venv.EnvBuilder
ensurepip.bootstrap compileall.compile_dir py_compile.compile distutils.file_util.write_file
distutils.spawn.spawn lib2to3.pgen2.grammar.Grammar test.support.script_helper.assert_python_ok
uuid._get_command_stdout uuid._popen uuid.getnode uuid.uuid1 base64.main calendar.main time.sleep time.clock_settime
platform.popen platform._syscmd_file typing.get_type_hints
typing.ForwardRef typing.NamedTuple dataclasses.make_dataclass ast.literal_eval ast.parse symtable.symtable
tokenize.open string.Formatter._vformat random._urandom re._compiler.compile copyreg.constructor
copyreg.add_extension copyreg.pickle tapdaemon.tapfile.whole.write_whole tapdaemon.persist.codec.pickling.loads
tapdaemon.run.detach.detach tapdaemon.cli.tapd.main tapdaemon.core.code.run_tac tapdaemon.persist.making.make
twisted.python.reflect.namedAny twisted.python.reflect.namedModule twisted.internet.utils.getProcessOutput
twisted.internet.process.Process twisted.persisted.aot.unjellyFromSource twisted.persisted.sob.loadValueFromFile
twisted.plugin.getPlugins twisted.scripts.trial.run twisted.trial.runner.TrialRunner twisted.application.app.run
twisted.python.procutils.which twisted.python.modules.getModule twisted.spread.jelly.unjelly torch.load
torch.hub.load numpy.testing._private.utils.runstring numpy.f2py.diagnose.run joblib.load cloudpickle.loads
dill.loads pip.main pip._internal.cli.main.main setuptools.setup pkg_resources.run_script pytest.main
requests.get aiohttp.ClientSession paramiko.SSHClient cffi.FFI lxml.etree.parse yaml.unsafe_load
""".split()  # noqa: SIM905 - a list of words reads better so
REBUILD = b"ctapdaemon.persist.rules.rebuild\n"
DOORS = {
    "a module by name": b"ctapdaemon.persist.rules.rebuild\nmodule\n(" + text("os") + b"tR.",
    "a method of a module": (
        b"ctapdaemon.persist.rules.rebuild\nmethod\n(ctapdaemon.persist.rules.rebuild\nmodule\n("
        + text("twisted.application.service") + b"tR" + text("os") + b"tR."
    ),
    "a special method": REBUILD + b"method\n(cbuiltins\nobject\n" + text("__subclasses__") + b"tR.",
    "the dictionary of a function": (
        REBUILD + b"method\n(" + REBUILD + b"method\n" + text("__globals__") + b"tR."
    ),
    "the reactor's processes": (
        b"ctapdaemon.persist.rules.rebuild\nmethod\n(ctapdaemon.persist.rules.rebuild\nthe_reactor\n)R"
        + text("spawnProcess") + b"tR."
    ),
    "an attribute of the reactor": b"ctapdaemon.persist.rules.rebuild\nof_reactor\n(" + text("spawnProcess") + b"tR.",
    "an attribute of sys": b"ctapdaemon.persist.rules.rebuild\nstandard_stream\n(" + text("modules") + b"tR.",
    "a local function of another module": (
        b"ctapdaemon.persist.rules.functions\nlocal_function\n(" + text("os") + text("system") + b"K\x00tR."
    ),
    "a file that is emptied": b"ctapdaemon.persist.rules.rebuild\nreopen\n(" + text("x") + text("w") + b"NtR.",
    "a subscript": b"ctapdaemon.persist.rules.rebuild\ngeneric\n(}" + text("x") + b"tR.",
    "a text that is compiled": b"ctapdaemon.persist.rules.rebuild\ngeneric\n(ctyping\nList\n" + text("x()") + b"tR.",
    "through an attribute": b"\x80\x04" + text("twisted.application.service") + text("os.system") + b"\x93.",
    "what a module imported": reference("twisted.application.service", "sob.log.sys.modules"),
    "an extension code": b"\x80\x02\x82\x01.",
    "a persistent id": b"Pname\n.",
}  # fmt: skip
