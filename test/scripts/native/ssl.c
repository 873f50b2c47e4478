// The two functions of OpenSSL that sslsniff looks at, without encryption.

int SSL_write(void *ssl, const void *data, int n)
{
	return n;
}

int SSL_read(void *ssl, void *data, int n)
{
	static const char answer[] = "200 OK";
	char *to = data;
	int i;

	for (i = 0; i < 6 && i < n; i++)
		to[i] = answer[i];
	return i;
}
