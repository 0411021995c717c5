-- A page of the request log, newest first (keyset on the moment and the tie), of one month. A look reads at most :look
-- rows of the one index that :by names, and checks the other conditions row by row. Besides the matching rows it
-- returns the oldest row of the look, where the next look goes on, and how many rows the look had.
-- READPAST: it does not wait for an uncommitted batch.
DECLARE @by nvarchar(20) = :by, @since datetime2(6) = :since, @before_at datetime2(6) = :before_at;
DECLARE @before_tie bigint = :before_tie, @look int = :look, @limit int = :limit;
DECLARE @method nvarchar(20) = :method, @path nvarchar(max) = :path, @route nvarchar(510) = :route;
DECLARE @user_id nvarchar(510) = :user_id, @api_key nvarchar(510) = :api_key, @session_id nvarchar(510) = :session_id;
DECLARE @ip nvarchar(510) = :ip, @trace_id nvarchar(510) = :trace_id, @status_class int = :status_class;
DECLARE @status_from int = :status_from, @status_to int = :status_to, @slow_ms float = :slow_ms, @failed bit = :failed;
DECLARE @slice TABLE (
    at              datetime2(6),
    tie             bigint,
    method          nvarchar(20),
    path            nvarchar(max),
    query           nvarchar(max),
    route           nvarchar(510),
    status_code     int,
    duration_ms     float,
    user_id         nvarchar(510),
    api_key         nvarchar(510),
    session_id      nvarchar(510),
    ip              nvarchar(510),
    trace_id        nvarchar(510),
    request_bytes   bigint,
    response_bytes  bigint,
    error           nvarchar(max)
);

IF @by = N'time'
    INSERT INTO @slice
    SELECT TOP (@look)
        at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
        trace_id, request_bytes, response_bytes, error
    FROM dbjobs.request_log WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX (request_log_pkey))
    WHERE at >= @since AND at <= @before_at AND (at < @before_at OR tie < @before_tie)
    ORDER BY at DESC, tie DESC;
IF @by = N'route'
    INSERT INTO @slice
    SELECT TOP (@look)
        at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
        trace_id, request_bytes, response_bytes, error
    FROM dbjobs.request_log WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX (request_log_route))
    WHERE at >= @since AND at <= @before_at AND (at < @before_at OR tie < @before_tie)
      AND route = @route AND route IS NOT NULL
    ORDER BY at DESC, tie DESC;
IF @by = N'user_id'
    INSERT INTO @slice
    SELECT TOP (@look)
        at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
        trace_id, request_bytes, response_bytes, error
    FROM dbjobs.request_log WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX (request_log_user))
    WHERE at >= @since AND at <= @before_at AND (at < @before_at OR tie < @before_tie)
      AND user_id = @user_id AND user_id IS NOT NULL
    ORDER BY at DESC, tie DESC;
IF @by = N'ip'
    INSERT INTO @slice
    SELECT TOP (@look)
        at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
        trace_id, request_bytes, response_bytes, error
    FROM dbjobs.request_log WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX (request_log_ip))
    WHERE at >= @since AND at <= @before_at AND (at < @before_at OR tie < @before_tie)
      AND ip = @ip AND ip IS NOT NULL
    ORDER BY at DESC, tie DESC;
IF @by = N'status'
    INSERT INTO @slice
    SELECT TOP (@look)
        at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
        trace_id, request_bytes, response_bytes, error
    FROM dbjobs.request_log WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX (request_log_status))
    WHERE at >= @since AND at <= @before_at AND (at < @before_at OR tie < @before_tie) AND status_class = @status_class
    ORDER BY at DESC, tie DESC;
SELECT (
    SELECT TOP (@limit)
        at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
        trace_id, request_bytes, response_bytes, error, fits, looked
    FROM (
        SELECT *,
            CASE WHEN (@method IS NULL OR method = @method)
                AND (@path IS NULL OR path = @path)
                AND (@route IS NULL OR route = @route)
                AND (@user_id IS NULL OR user_id = @user_id)
                AND (@api_key IS NULL OR api_key = @api_key)
                AND (@session_id IS NULL OR session_id = @session_id)
                AND (@ip IS NULL OR ip = @ip)
                AND (@trace_id IS NULL OR trace_id = @trace_id)
                AND status_code BETWEEN @status_from AND @status_to
                AND duration_ms >= @slow_ms
                AND (@failed = 0 OR error IS NOT NULL) THEN 1 ELSE 0 END AS fits,
            COUNT(*) OVER () AS looked, ROW_NUMBER() OVER (ORDER BY at, tie) AS place
        FROM @slice
    ) AS judged
    WHERE fits = 1 OR place = 1
    ORDER BY at DESC, tie DESC
    FOR JSON PATH, INCLUDE_NULL_VALUES
) AS packed;
