// Part of mayfly-guest.ps1: what Windows offers to programs only, and not to PowerShell. install-guest.ps1 compiles it.
// NB: C# 5, which is what Windows PowerShell 5.1 can compile.
using System;
using System.Collections;
using System.Collections.Generic;
using System.ComponentModel;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Mayfly
{
    /// <summary>
    /// A process of another user. WARN: CreateProcessWithLogonW, which is behind Start-Process -Credential, refuses a caller that is SYSTEM;
    /// a scheduled task would keep the password, and Credential Guard may not let it log on.
    /// See: learn.microsoft.com, CreateProcessWithLogonW, "Remarks".
    /// </summary>
    public sealed class OtherUsersProcess : IDisposable
    {
        const int LogonInteractive = 2;
        const uint UnicodeEnvironment = 0x400, NoWindow = 0x08000000, NormalPriority = 0x20;
        const int UseStandardHandles = 0x100;
        const uint Inherit = 1, TimedOut = 0x102;

        readonly IntPtr process;

        OtherUsersProcess(IntPtr process)
        {
            this.process = process;
        }

        /// <summary>Starts a program with the user's own environment and what is added to it. What it says goes to the end of a file.</summary>
        public static OtherUsersProcess Start(
            string user, string password, string file, string arguments, string folder, string log, IDictionary added)
        {
            IntPtr token;
            Check(LogonUser(user, ".", password, LogonInteractive, 0, out token), "log on as " + user);
            try
            {
                LoadProfile(token, user);
                // NB: .NET Framework opens no device, and NUL is one.
                using (SafeFileHandle input = Native.CreateFile("NUL", Native.Read, Native.ShareAll, IntPtr.Zero, Native.OpenExisting, 0, IntPtr.Zero))
                using (FileStream output = new FileStream(log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite))
                {
                    IntPtr environment = EnvironmentOf(token, added);
                    return new OtherUsersProcess(Create(token, file, arguments, folder, input, output.SafeFileHandle, environment));
                }
            }
            finally
            {
                CloseHandle(token);
            }
        }

        /// <summary>Whether it has ended, after so long at most.</summary>
        public bool WaitForExit(int milliseconds)
        {
            return WaitForSingleObject(process, (uint)milliseconds) != TimedOut;
        }

        public int ExitCode
        {
            get
            {
                int code;
                Check(GetExitCodeProcess(process, out code), "read the exit code");
                return code;
            }
        }

        public void Dispose()
        {
            CloseHandle(process);
        }

        /// <summary>Gives a user of this computer another password. See: NetUserSetInfo, level 1003.</summary>
        public static void SetPassword(string user, string password)
        {
            IntPtr text = Marshal.StringToHGlobalUni(password);
            try
            {
                UserInfo1003 info = new UserInfo1003();
                info.Password = text;
                int wrong;
                int status = NetUserSetInfo(null, user, 1003, ref info, out wrong);
                if (status != 0) throw new Win32Exception(status, "cannot set the password of " + user + ": error " + status);
            }
            finally
            {
                Marshal.ZeroFreeGlobalAllocUnicode(text);
            }
        }

        // NB: "" is a desktop of the user's own. Without, it would be the one of the caller, which the user may not open.
        static IntPtr Create(IntPtr token, string file, string arguments, string folder, SafeFileHandle input,
            SafeFileHandle output, IntPtr environment)
        {
            StartupInfo startup = new StartupInfo();
            startup.Size = Marshal.SizeOf(typeof(StartupInfo));
            startup.Desktop = "";
            startup.Flags = UseStandardHandles;
            startup.Input = InheritedHandle(input);
            startup.Output = startup.Error = InheritedHandle(output);
            ProcessInformation made;
            StringBuilder command = new StringBuilder("\"" + file + "\" " + arguments);
            try
            {
                Check(
                    CreateProcessAsUser(token, file, command, IntPtr.Zero, IntPtr.Zero, true,
                        UnicodeEnvironment | NoWindow | NormalPriority, environment, folder, ref startup, out made),
                    "start " + file);
            }
            finally
            {
                Marshal.FreeHGlobal(environment);
            }
            CloseHandle(made.Thread);
            return made.Process;
        }

        static IntPtr InheritedHandle(SafeFileHandle file)
        {
            IntPtr handle = file.DangerousGetHandle();
            Check(SetHandleInformation(handle, Inherit, Inherit), "hand over a file");
            return handle;
        }

        static void LoadProfile(IntPtr token, string user)
        {
            ProfileInfo profile = new ProfileInfo();
            profile.Size = Marshal.SizeOf(typeof(ProfileInfo));
            profile.Flags = 1; // no messages
            profile.UserName = user;
            Check(LoadUserProfile(token, ref profile), "load the profile of " + user);
        }

        // Texts NAME=VALUE, each ended by a zero, in the order of their names; one zero more ends them.
        static IntPtr EnvironmentOf(IntPtr token, IDictionary added)
        {
            SortedDictionary<string, string> all = new SortedDictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            IntPtr own;
            Check(CreateEnvironmentBlock(out own, token, false), "make the environment");
            try
            {
                IntPtr at = own;
                for (string entry = Marshal.PtrToStringUni(at); entry.Length > 0; entry = Marshal.PtrToStringUni(at))
                {
                    int equals = entry.IndexOf('=', 1);
                    if (equals > 0) all[entry.Substring(0, equals)] = entry.Substring(equals + 1);
                    at = new IntPtr(at.ToInt64() + 2 * (entry.Length + 1));
                }
            }
            finally
            {
                DestroyEnvironmentBlock(own);
            }
            foreach (DictionaryEntry entry in added) all[(string)entry.Key] = (string)entry.Value;
            StringBuilder block = new StringBuilder();
            foreach (KeyValuePair<string, string> entry in all) block.Append(entry.Key + "=" + entry.Value + "\0");
            return Marshal.StringToHGlobalUni(block.Append('\0').ToString());
        }

        static void Check(bool worked, string what)
        {
            if (worked) return;
            int error = Marshal.GetLastWin32Error();
            throw new Win32Exception(error, "cannot " + what + ": " + new Win32Exception(error).Message);
        }

        [StructLayout(LayoutKind.Sequential, CharSet = CharSet.Unicode)]
        struct StartupInfo
        {
            public int Size;
            public string Reserved, Desktop, Title;
            public int X, Y, Width, Height, Columns, Rows, Fill, Flags;
            public short ShowWindow, ReservedSize;
            public IntPtr ReservedBytes, Input, Output, Error;
        }

        [StructLayout(LayoutKind.Sequential)]
        struct ProcessInformation
        {
            public IntPtr Process, Thread;
            public int ProcessId, ThreadId;
        }

        [StructLayout(LayoutKind.Sequential, CharSet = CharSet.Unicode)]
        struct ProfileInfo
        {
            public int Size, Flags;
            public string UserName, ProfilePath, DefaultPath, ServerName, PolicyPath;
            public IntPtr Profile;
        }

        [StructLayout(LayoutKind.Sequential)]
        struct UserInfo1003
        {
            public IntPtr Password;
        }

        [DllImport("advapi32.dll", SetLastError = true, CharSet = CharSet.Unicode)]
        static extern bool LogonUser(string user, string domain, string password, int type, int provider, out IntPtr token);

        [DllImport("advapi32.dll", SetLastError = true, CharSet = CharSet.Unicode)]
        static extern bool CreateProcessAsUser(IntPtr token, string file, StringBuilder command, IntPtr processRights, IntPtr threadRights,
            bool inheritsHandles, uint flags, IntPtr environment, string folder, ref StartupInfo startup, out ProcessInformation made);

        [DllImport("userenv.dll", SetLastError = true, CharSet = CharSet.Unicode)]
        static extern bool LoadUserProfile(IntPtr token, ref ProfileInfo profile);

        [DllImport("userenv.dll", SetLastError = true)]
        static extern bool CreateEnvironmentBlock(out IntPtr environment, IntPtr token, bool inherits);

        [DllImport("userenv.dll", SetLastError = true)]
        static extern bool DestroyEnvironmentBlock(IntPtr environment);

        [DllImport("netapi32.dll", CharSet = CharSet.Unicode)]
        static extern int NetUserSetInfo(string server, string user, int level, ref UserInfo1003 info, out int wrong);

        [DllImport("kernel32.dll", SetLastError = true)]
        static extern bool SetHandleInformation(IntPtr handle, uint mask, uint flags);

        [DllImport("kernel32.dll", SetLastError = true)]
        static extern uint WaitForSingleObject(IntPtr handle, uint milliseconds);

        [DllImport("kernel32.dll", SetLastError = true)]
        static extern bool GetExitCodeProcess(IntPtr process, out int code);

        [DllImport("kernel32.dll", SetLastError = true)]
        static extern bool CloseHandle(IntPtr handle);
    }

    /// <summary>The disk of 64 KiB that a seed travels on: without partitions, so Windows gives it no letter.</summary>
    public static class SeedDisk
    {
        const int Bytes = 64 * 1024, MostDisks = 16;
        const uint GetLength = 0x7405C;

        /// <summary>Its path and what it says up to the first zero byte; nothing if there is no disk of that size.</summary>
        public static string[] Find()
        {
            for (int number = 0; number < MostDisks; number++)
            {
                string path = @"\\.\PhysicalDrive" + number;
                using (SafeFileHandle disk = Open(path))
                {
                    if (disk.IsInvalid || LengthOf(disk) != Bytes) continue;
                    byte[] content = new byte[Bytes];
                    // NB: a disk is read and written by whole sectors.
                    using (FileStream stream = new FileStream(disk, FileAccess.Read, Bytes)) stream.Read(content, 0, Bytes);
                    int end = Array.IndexOf(content, (byte)0);
                    return new string[] { path, Encoding.UTF8.GetString(content, 0, end < 0 ? Bytes : end) };
                }
            }
            return null;
        }

        public static void Wipe(string path)
        {
            using (SafeFileHandle disk = Open(path))
            {
                if (disk.IsInvalid) throw new Win32Exception();
                using (FileStream stream = new FileStream(disk, FileAccess.Write, Bytes))
                {
                    stream.Write(new byte[Bytes], 0, Bytes);
                    stream.Flush(true);
                }
            }
        }

        static SafeFileHandle Open(string path)
        {
            return Native.CreateFile(path, Native.ReadWrite, Native.ShareAll, IntPtr.Zero, Native.OpenExisting, 0, IntPtr.Zero);
        }

        static long LengthOf(SafeFileHandle disk)
        {
            long length;
            int returned;
            return DeviceIoControl(disk, GetLength, IntPtr.Zero, 0, out length, 8, out returned, IntPtr.Zero) ? length : -1;
        }

        [DllImport("kernel32.dll", SetLastError = true)]
        static extern bool DeviceIoControl(SafeFileHandle device, uint code, IntPtr input, int inputBytes, out long output, int outputBytes,
            out int returned, IntPtr overlapped);
    }

    static class Native
    {
        internal const uint Read = 0x80000000, ReadWrite = 0xC0000000, ShareAll = 3, OpenExisting = 3;

        [DllImport("kernel32.dll", SetLastError = true, CharSet = CharSet.Unicode)]
        internal static extern SafeFileHandle CreateFile(
            string path, uint access, uint share, IntPtr rights, uint how, uint flags, IntPtr template);
    }
}
